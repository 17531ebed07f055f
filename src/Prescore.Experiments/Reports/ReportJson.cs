using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Prescore.Experiments.Reports;

/// <summary>Writes reports as JSON: snake_case names, indented, UTF-8.</summary>
public static class ReportJson
{
    private static readonly ReportJsonContext Context = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        // Pieces of a tokenizer stay readable; a file is no HTML page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>A report as JSON text with a final newline.</summary>
    public static string Serialize<T>(T report) =>
        JsonSerializer.Serialize(report, (JsonTypeInfo<T>)Context.GetTypeInfo(typeof(T))!) + "\n";
}

[JsonSerializable(typeof(PerplexityReport))]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(AdviceReport))]
[JsonSerializable(typeof(AttendReport))]
[JsonSerializable(typeof(TokenizeReport))]
[JsonSerializable(typeof(VerifyReport))]
internal sealed partial class ReportJsonContext : JsonSerializerContext;
