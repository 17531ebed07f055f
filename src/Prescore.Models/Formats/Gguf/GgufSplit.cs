using System.Globalization;
using System.Text.RegularExpressions;

namespace Prescore.Models.Formats.Gguf;

/// <summary>
/// Where the parts of a split model lie: NAME-00001-of-00003.gguf and so on, each with its number in <c>split.no</c>
/// (from 0) and the number of all in <c>split.count</c>. The first has the model's metadata.
/// </summary>
internal sealed partial class GgufSplit
{
    public const string CountKey = "split.count";
    public const string NumberKey = "split.no";
    public const string TensorsKey = "split.tensors.count";

    /// <summary>The end of every message about parts.</summary>
    public const string Advice = "fetch all parts of the same model";

    private readonly string _stem;
    private readonly string _path;

    private GgufSplit(string path, string stem, int index, int count)
    {
        _path = path;
        _stem = stem;
        Index = index;
        Count = count;
    }

    /// <summary>Number of the part that was opened, from 0.</summary>
    public int Index { get; }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    /// <summary>Reads the keys; null where the file is whole.</summary>
    /// <exception cref="ModelFormatException">Name and keys of the file contradict each other.</exception>
    public static GgufSplit? Of(string path, GgufMetadata metadata)
    {
        int count = metadata.GetCount(CountKey, 0);
        if (count <= 1)
        {
            return null;
        }
        int index = metadata.GetCount(NumberKey);
        Match name = PartName().Match(Path.GetFileName(path));
        if (!name.Success || Number(name.Groups[2]) != index + 1 || Number(name.Groups[3]) != count)
        {
            throw new ModelFormatException(
                path,
                $"the file is part {index + 1} of {count}, which its name does not say",
                string.Create(CultureInfo.InvariantCulture, $"let all parts end in -{index + 1:00000}-of-{count:00000}.gguf and the like"));
        }
        return new GgufSplit(path, name.Groups[1].Value, index, count);
    }

    /// <summary>Paths of all parts of the model that a file is one of, by its name; the file itself where that says nothing.</summary>
    public static IEnumerable<string> PartsOf(string path)
    {
        Match name = PartName().Match(Path.GetFileName(path));
        return name.Success
            ? Enumerable.Range(0, Number(name.Groups[3])).Select(index => new GgufSplit(path, name.Groups[1].Value, index, Number(name.Groups[3])).PartPath(index))
            : [path];
    }

    /// <summary>Path of a part.</summary>
    /// <exception cref="ModelFormatException">It is missing.</exception>
    public string PartPath(int index)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{_stem}-{index + 1:00000}-of-{Count:00000}.gguf");
        string path = Path.Combine(Path.GetDirectoryName(_path) ?? "", name);
        return File.Exists(path) ? path : throw new ModelFormatException(_path, $"the part '{name}' is missing", Advice);
    }

    /// <summary>Refuses a part that does not say of itself what its name says.</summary>
    /// <exception cref="ModelFormatException">It says something else.</exception>
    public void Check(string path, GgufMetadata metadata, int index)
    {
        (int number, int count) = (metadata.GetCount(NumberKey), metadata.GetCount(CountKey));
        if (number != index || count != Count)
        {
            throw new ModelFormatException(path, $"{NumberKey} is {number} and {CountKey} {count} in part {index + 1} of {Count}", Advice);
        }
    }

    private static int Number(Group digits) => int.Parse(digits.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(.*)-([0-9]{5})-of-([0-9]{5})\.gguf$")]
    private static partial Regex PartName();
}
