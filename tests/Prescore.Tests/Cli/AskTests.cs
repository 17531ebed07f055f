using System.Text.Json;

namespace Prescore.Tests.Cli;

public sealed class AskTests : CacheHomeTests
{
    private string Sessions => Path.Combine(Home, "sessions");

    [Fact]
    public void A_later_process_goes_on_from_the_document_that_was_kept()
    {
        ToolRun first = Ask("Where?", "--json", InHome("1.json"));
        first.ExitCode.ShouldBe(0, first.Error);
        first.Error.ShouldContain("kept the document's");
        Directory.GetFiles(Sessions, "*.session").Length.ShouldBe(1);

        ToolRun second = Ask("Who?", "--json", InHome("2.json"));
        second.ExitCode.ShouldBe(0, second.Error);
        second.Error.ShouldContain("took up the document's");
        Directory.GetFiles(Sessions, "*.session").Length.ShouldBe(1);
        (int prompt, int cached) = Tokens("2.json");
        cached.ShouldBeInRange(prompt - 40, prompt - 1);
        Tokens("1.json").Cached.ShouldBe(0);

        ToolRun without = Ask("Who?", "--no-cache");
        without.Error.ShouldNotContain("document's");
        without.Out.ShouldBe(second.Out);
        Ask("Who?", "--seed", "4").Error.ShouldContain("kept the document's");
        Directory.GetFiles(Sessions, "*.session").Length.ShouldBe(2);
    }

    [Fact]
    public void Without_a_cache_nothing_is_kept()
    {
        Ask("Where?", "--no-cache").ExitCode.ShouldBe(0);
        Directory.Exists(Sessions).ShouldBeFalse();
        // A short document is not worth it.
        Run(Document(100), "Where?").ExitCode.ShouldBe(0);
        Directory.Exists(Sessions).ShouldBeFalse();
    }

    [Fact]
    public void A_damaged_file_is_read_anew_with_a_warning()
    {
        ToolRun first = Ask("Where?");
        string path = Directory.GetFiles(Sessions, "*.session").Single();
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^100] ^= 1;
        File.WriteAllBytes(path, bytes);

        ToolRun damaged = Ask("Where?");

        damaged.ExitCode.ShouldBe(0, damaged.Error);
        damaged.Error.ShouldContain("warning: ");
        damaged.Error.ShouldContain("checksum");
        damaged.Error.ShouldContain("kept the document's");
        damaged.Out.ShouldBe(first.Out);
        Ask("Where?").Error.ShouldContain("took up");
    }

    [Fact]
    public void A_folder_that_cannot_be_written_costs_nothing_but_time()
    {
        File.WriteAllText(Sessions, "a file where the folder should be");
        ToolRun run = Ask("Where?");
        run.ExitCode.ShouldBe(0, run.Error);
        run.Error.ShouldContain("note: the document is not kept");
        run.Error.ShouldNotContain("   at ");
    }

    [Fact]
    public void Questions_come_from_lines_where_none_is_given()
    {
        ToolRun run = new ToolRun("Where?\nWho?\n\nnot asked\n").Run([.. Arguments(Document(700)), "--json", InHome("q.json")]);
        run.ExitCode.ShouldBe(0, run.Error);
        JsonElement texts = JsonDocument.Parse(File.ReadAllText(InHome("q.json"))).RootElement.GetProperty("texts");
        texts.EnumerateArray().Select(text => text.GetProperty("question").GetString()).ShouldBe(["Where?", "Who?"]);
        texts[1].GetProperty("cached_tokens").GetInt32().ShouldBeGreaterThan(500);
    }

    [Fact]
    public void Mistakes_are_one_line()
    {
        File.WriteAllText(InHome("empty.txt"), " \n");
        ToolRun.Of("ask", "Who?").ShouldBeBadInput("--file");
        ToolRun.Of("ask", "--file", InHome("none.txt"), "Who?").ShouldBeBadInput("none.txt");
        Run(InHome("empty.txt"), "Who?").ShouldBeBadInput("empty.txt", "is empty");
        Run(Document(700), "Who?", " ").ShouldBeBadInput("question is empty");
        Run(Document(700), "Who?", "--cache-limit", "0").ShouldBeBadInput("--cache-limit");
        Run(Document(700), "Who?", "--first", "0").ShouldBeBadInput("--first");
        Run(Document(700), "Who?", "--method", "clusterd").ShouldBeBadInput("clustered");
        Run(Document(700), "Who?", "--rope", "yarn:factor=x").ShouldBeBadInput("--rope");
        string[] withoutLong = [.. Arguments(Document(3000)).Where(argument => argument != "--allow-long"), "Who?"];
        new ToolRun().Run(withoutLong).ShouldBeBadInput("--first", "--rope");
    }

    private ToolRun Ask(string question, params string[] more) => Run(Document(700), [question, .. more]);

    private static ToolRun Run(string document, params string[] more) => ToolRun.Of([.. Arguments(document), .. more]);

    private static string[] Arguments(string document) =>
        ["ask", "--model", SharedData.Golden("gguf", "tiny-llama-f32.gguf"), "--allow-long", "--max-tokens", "6", "--file", document];

    private string Document(int lines)
    {
        string path = InHome("document.txt");
        File.WriteAllText(path, string.Concat(Enumerable.Range(0, lines).Select(i => (char)('a' + i * i % 23 % 26))));
        return path;
    }

    private (int Prompt, int Cached) Tokens(string json)
    {
        JsonElement text = JsonDocument.Parse(File.ReadAllText(InHome(json))).RootElement.GetProperty("texts")[0];
        return (text.GetProperty("prompt_tokens").GetInt32(), text.GetProperty("cached_tokens").GetInt32());
    }
}
