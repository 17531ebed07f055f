using System.Text.Json;

namespace Prescore.Benchmarks;

/// <summary>Writes a report as JSON, under a temporary name first, so that a file is either whole or absent.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
    };

    public static void Write<T>(FileInfo file, T report)
    {
        string temporary = file.FullName + ".tmp";
        File.WriteAllText(temporary, JsonSerializer.Serialize(report, Options) + "\n");
        File.Move(temporary, file.FullName, overwrite: true);
    }
}
