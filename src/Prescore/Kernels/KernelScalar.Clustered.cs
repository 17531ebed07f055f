namespace Prescore.Kernels;

/// <summary>Clustered attention: what the other paths are checked against.</summary>
internal readonly unsafe partial struct KernelScalar : IClusteredKernelPath
{
    public static int ScreenTile(
        byte* tile, int pairs, int* candidates, int count, byte* queries, ushort* lists, nint listStride, int* counts, short* products)
    {
        var codes = (sbyte*)tile;
        var offsets = (short*)(tile + SketchTile.OffsetsAt(2 * pairs));
        var numbers = (ushort*)(tile + SketchTile.NumbersAt(2 * pairs));
        int all = 0;
        for (int i = 0; i < count; i++)
        {
            nint row = (nint)((uint)candidates[i] >> 16);
            byte* query = queries + row * (4 * pairs);
            for (int lane = 0; lane < SketchTile.Keys; lane++)
            {
                // Within 16 bits in the end, if not on the way.
                int sum = offsets[lane];
                for (int pair = 0; pair < pairs; pair++)
                {
                    sbyte* code = codes + pair * SketchTile.PairBytes + 2 * lane;
                    sum += query[4 * pair] * code[0] + query[4 * pair + 1] * code[1];
                }
                if ((short)sum >= *(short*)(candidates + i))
                {
                    nint at = row * listStride + counts[row]++;
                    lists[at] = numbers[lane];
                    if (products != null)
                    {
                        products[at] = (short)sum;
                    }
                    all++;
                }
            }
        }
        return all;
    }

    public static float SelectedLogits(
        ushort* list, int count, short* query, nint stride, float step, float maximum, short* keys, float* scales, float* logits, float* sums)
    {
        float running = 0, largest = float.NegativeInfinity;
        for (int i = 0; i < count; i++)
        {
            int dot = 0;
            for (nint c = 0; c < stride; c++)
            {
                dot += query[c] * keys[list[i] * stride + c];
            }
            logits[i] = dot * (scales[2 * i] * step) - maximum;
            sums[i + 1] = running += logits[i];
            largest = MathF.Max(largest, logits[i]);
        }
        return largest;
    }

    public static void AddSelected(ushort* list, int count, float* weights, short* values, nint stride, float* output)
    {
        for (int i = 0; i < count; i++)
        {
            for (nint c = 0; c < stride; c++)
            {
                output[c] += weights[i] * values[list[i] * stride + c];
            }
        }
    }
}
