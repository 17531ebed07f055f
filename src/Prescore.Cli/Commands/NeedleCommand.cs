using System.CommandLine;
using Prescore.Cli.Rendering;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore needle</c>: which facts hidden in a long text each attention method still finds.</summary>
internal static class NeedleCommand
{
    private const string DefaultLengths = "1k,2k,4k,8k";
    private const int DefaultPassages = 16;

    private static readonly string[] DefaultMethods = ["exact", "clustered:error=0.05"];

    private static readonly string HelpNotes = $$"""
        A passage is a part of the text with a fact at every depth, each of another kind: "The password of the old library is
        WORD." The passage is read once a method; then the beginning of every fact is appended and taken back. A fact counts
        as found where the first token of its WORD is the likeliest of 32 words, most of which are not in the passage (by
        chance: one in 32); greedy: the likeliest of all tokens. All methods see the same passages, so differences are
        paired. Every passage is another part of the text with facts and words of its own, by --seed. Facts of one form,
        which distract from each other, are a task of 'prescore study tasks'.

        --resume FILE keeps finished trials: the same command goes on where it was stopped.

        {{MethodHelp.Grammar()}}
        Examples:
          prescore needle --plot needles.png
          prescore needle --text book.txt --lengths 2k,4k,8k --passages 20 --resume trials.jsonl --json needles.json
          prescore needle --lengths 16k,32k --rope yarn:factor=4 --methods clustered:error=0.05 window:w=2048
        """;

    public static Command Create(ToolContext context)
    {
        var options = new TaskOptions(DefaultMethods, DefaultLengths, DefaultPassages);
        var command = new ToolCommand("needle", "Hide facts in long texts and see which ones each attention method finds.", HelpNotes);
        foreach (Option option in options.All)
        {
            command.Add(option);
        }
        command.SetAction(parsed => options.Run(context, parsed, ["needle"]));
        return command;
    }
}
