using System.Globalization;
using System.Text.RegularExpressions;
using Spectre.Console;

namespace Prescore.Cli.Rendering;

/// <summary>A tensor as its file lists it.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">Storage type.</param>
/// <param name="Shape">Dimensions in the file's order.</param>
/// <param name="Count">Number of values.</param>
/// <param name="Bytes">Bytes in the file.</param>
internal sealed record ListedTensor(string Name, string Type, string Shape, long Count, long Bytes)
{
    public static string Dimensions(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";
}

/// <summary>The tensors of a file; the layers of a model stand in one line where they are alike.</summary>
internal static partial class TensorTable
{
    /// <summary>Sums over all tensors, and for each storage type.</summary>
    public static IEnumerable<(string Name, string Value)> Summary(IReadOnlyList<ListedTensor> tensors)
    {
        yield return ("parameters", $"{Numbers.Count(tensors.Sum(tensor => tensor.Count))} in {tensors.Count} tensors");
        foreach (IGrouping<string, ListedTensor> type in tensors.GroupBy(tensor => tensor.Type))
        {
            yield return ($"type {type.Key}", $"{type.Count()} tensors, {Numbers.Bytes(type.Sum(tensor => tensor.Bytes))}");
        }
    }

    /// <summary>Writes the table; nothing where there are no tensors.</summary>
    public static void Write(ToolContext context, IReadOnlyList<ListedTensor> tensors, string shapeColumn)
    {
        if (tensors.Count == 0)
        {
            return;
        }
        Table table = Tables.Create(context, "tensor", "type", shapeColumn, "tensors");
        foreach (var group in tensors.GroupBy(tensor => (Pattern: LayerNumber().Replace(tensor.Name, ".*.", 1), tensor.Type, tensor.Shape)))
        {
            string[] names = [.. group.Select(tensor => tensor.Name)];
            table.AddPlainRow(
                names.Length == 1 ? names[0] : group.Key.Pattern.Replace(".*.", $".{Layers(names)}."),
                group.Key.Type,
                group.Key.Shape,
                names.Length.ToString(CultureInfo.InvariantCulture));
        }
        Tables.Write(context, table);
    }

    /// <summary>The layer numbers in names, as 0-29 or 0,3,7.</summary>
    private static string Layers(string[] names)
    {
        int[] layers = [.. names.Select(name => int.Parse(LayerNumber().Match(name).Value.Trim('.'), CultureInfo.InvariantCulture)).Order()];
        return layers[^1] - layers[0] == layers.Length - 1 ? $"{layers[0]}-{layers[^1]}" : string.Join(',', layers);
    }

    [GeneratedRegex(@"\.[0-9]{1,9}\.")]
    private static partial Regex LayerNumber();
}
