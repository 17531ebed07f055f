using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Prescore.Experiments.Coverage;
using Prescore.Experiments.Evidence;
using Prescore.Experiments.Tasks;

namespace Prescore.Experiments.Reports;

/// <summary>Writes reports as JSON: snake_case names, indented, UTF-8.</summary>
public static class ReportJson
{
    private static readonly ReportJsonContext Context = new(Options(indented: true));
    private static readonly ReportJsonContext LineContext = new(Options(indented: false));

    /// <summary>A report as JSON text with a final newline. A number that is not finite is null.</summary>
    public static string Serialize<T>(T report) =>
        VisibleText.Lines(JsonSerializer.Serialize(report, (JsonTypeInfo<T>)Context.GetTypeInfo(typeof(T))!)) + "\n";

    /// <summary>Reads a report that <see cref="Serialize"/> wrote.</summary>
    /// <returns>Whether the text is one.</returns>
    public static bool TryDeserialize<T>(string text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out T? report)
        where T : class
    {
        try
        {
            report = JsonSerializer.Deserialize(text, (JsonTypeInfo<T>)Context.GetTypeInfo(typeof(T))!);
        }
        catch (JsonException)
        {
            report = null;
        }
        return report is not null;
    }

    /// <summary>A value as JSON text on one line.</summary>
    public static string SerializeLine<T>(T value) =>
        JsonSerializer.Serialize(value, (JsonTypeInfo<T>)LineContext.GetTypeInfo(typeof(T))!);

    /// <summary>The value that a line of JSON text holds.</summary>
    /// <exception cref="JsonException">It holds none of this type.</exception>
    public static T? Deserialize<T>(string line) =>
        JsonSerializer.Deserialize(line, (JsonTypeInfo<T>)LineContext.GetTypeInfo(typeof(T))!);

    private static JsonSerializerOptions Options(bool indented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = indented,
        // Pieces of a tokenizer stay readable; a file is no HTML page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new FiniteNumber() },
    };

    /// <summary>JSON has no infinities and no NaN.</summary>
    private sealed class FiniteNumber : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

        public override bool HandleNull => true;

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
            {
                writer.WriteNumberValue(value);
            }
            else
            {
                writer.WriteNullValue();
            }
        }
    }
}

[JsonSerializable(typeof(PerplexityReport))]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(DecodeReport))]
[JsonSerializable(typeof(AdviceReport))]
[JsonSerializable(typeof(AttendReport))]
[JsonSerializable(typeof(TokenizeReport))]
[JsonSerializable(typeof(VerifyReport))]
[JsonSerializable(typeof(VisionReport))]
[JsonSerializable(typeof(TaskReport))]
[JsonSerializable(typeof(TaskTrial))]
[JsonSerializable(typeof(CoverageReport))]
[JsonSerializable(typeof(CoverageLayer))]
[JsonSerializable(typeof(AgreementReport))]
[JsonSerializable(typeof(AgreementRow))]
[JsonSerializable(typeof(GenerateReport))]
[JsonSerializable(typeof(PlantedReport))]
[JsonSerializable(typeof(PlantedRow))]
[JsonSerializable(typeof(LayerStudyReport))]
[JsonSerializable(typeof(LayerStudyPoint))]
[JsonSerializable(typeof(BudgetReport))]
[JsonSerializable(typeof(BudgetCell))]
[JsonSerializable(typeof(StudyResult))]
[JsonSerializable(typeof(VerdictList))]
internal sealed partial class ReportJsonContext : JsonSerializerContext;
