using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// A head in a file: keys and values of all positions as they are stored, sampled queries, probe records and counts. The
/// index follows from them, and is built anew when they are read.
/// </summary>
internal sealed partial class ClusteredHead
{
    private delegate void RowReader(int index, Span<float> row);

    /// <summary>Writes the state with <paramref name="length"/> tokens.</summary>
    public void Save(CacheStream file, int length)
    {
        SaveRows(file, length, _key, ShortCodes.KeyLevels, Near.ReadKey, Index.Store.ReadKey);
        SaveRows(file, length, _value, ShortCodes.ValueLevels, Near.ReadValue, Index.Store.ReadValue);
        Queries.Save(file);
        Threshold.Save(file);
        Tally.Save(file);
    }

    /// <summary>
    /// Reads what <see cref="Save"/> wrote; this head is new. All keys are then where <see cref="Restore"/> expects them
    /// before it builds the index.
    /// </summary>
    /// <exception cref="InvalidDataException">No head has written it.</exception>
    public void Load(CacheStream file, int length)
    {
        (float[] keyScales, short[] keys) = ReadRows(file, length, _dimension, ShortCodes.KeyLevels);
        (float[] valueScales, short[] values) = ReadRows(file, length, _valueDimension, ShortCodes.ValueLevels);
        Queries.Load(file, length);
        Threshold.Load(file, length);
        Tally.Load(file, (length + _options.BlockSize - 1) / _options.BlockSize);
        Index.Store.Reserve(length);
        for (int position = 0; position < length; position++)
        {
            ShortCodes.Decode(keys.AsSpan(position * _dimension, _dimension), keyScales[position], _key);
            ShortCodes.Decode(values.AsSpan(position * _valueDimension, _valueDimension), valueScales[position], _value);
            if (position < ClusteredOptions.Sinks)
            {
                Near.Append(_key, _value);
            }
            else
            {
                Index.Store.Append(_key, _value, 0);
            }
        }
    }

    /// <summary>Scales, then codes, in order of position: sinks, far keys, recent keys.</summary>
    private void SaveRows(CacheStream file, int length, float[] row, int levels, RowReader readNear, RowReader readFar)
    {
        int sinks = ClusteredOptions.Sinks, far = Index.Store.Count;
        var scales = new float[length];
        var codes = new short[length * row.Length];
        for (int position = 0; position < length; position++)
        {
            if (position < sinks || position >= sinks + far)
            {
                readNear(position < sinks ? position : position - far, row);
            }
            else
            {
                readFar(position - sinks, row);
            }
            scales[position] = ShortCodes.ScaleOf(row, levels);
            ShortCodes.Encode(row, scales[position], levels, codes.AsSpan(position * row.Length, row.Length));
        }
        file.Write<float>(scales);
        file.Write<short>(codes);
    }

    private static (float[] Scales, short[] Codes) ReadRows(CacheStream file, int length, int columns, int levels)
    {
        float[] scales = file.Read<float>(length);
        CacheStream.Require(
            Array.TrueForAll(scales, scale => scale > 0 && float.IsPow2(scale) && float.IsFinite(scale * levels)), "a row's scale is none");
        short[] codes = file.Read<short>((long)length * columns);
        CacheStream.Require(Array.TrueForAll(codes, code => code >= -levels && code <= levels), $"a code is beyond {levels}");
        return (scales, codes);
    }
}
