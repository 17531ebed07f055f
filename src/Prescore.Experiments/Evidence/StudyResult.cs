using System.Text.Json;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence;

/// <summary>What a study of the report found, and what made it: one file in the report's folder.</summary>
public sealed record StudyResult
{
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Name of the study, and of its file.</summary>
    public required string Study { get; init; }

    /// <summary>Arguments of the tool that make the result again.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Version of the tool, with the commit it was built from where that is known.</summary>
    public required string Version { get; init; }

    /// <summary>When it began, UTC.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>Time of the run that finished it.</summary>
    public required double Seconds { get; init; }

    /// <summary>Whether earlier runs had done a part of it, whose time is not in <see cref="Seconds"/>.</summary>
    public bool Resumed { get; init; }

    /// <summary>Seed of everything random; studies over seeds count from it.</summary>
    public required ulong Seed { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>The JSON document of the command, as <c>docs/json.md</c> describes it.</summary>
    public required JsonElement Result { get; init; }

    /// <summary>The command as a user types it.</summary>
    public string CommandLine() => "prescore " + string.Join(' ', Command.Select(Quoted));

    /// <summary>The result as the command's report.</summary>
    /// <exception cref="BadInputException">It is not one.</exception>
    public T Read<T>()
        where T : class =>
        ReportJson.TryDeserialize(Result.GetRawText(), out T? report)
            ? report
            : throw new BadInputException($"{Study}.json does not hold what this version of 'prescore {string.Join(' ', Command.Take(2))}' writes; remove it to run the study again");

    private static string Quoted(string argument) => argument.Contains(' ') || argument.Length == 0 ? $"\"{argument}\"" : argument;
}
