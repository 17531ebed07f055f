using System.Text;
using System.Text.Json;
using Prescore.Cli;

namespace Prescore.Tests.Cli;

public sealed class GenerateTests : IDisposable
{
    private const string Prompt = "The capital of France is";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Text_is_streamed_and_times_go_to_the_error_stream()
    {
        var pieces = new PieceWriter();
        var run = new ToolRun();
        CommandLine.Run(["generate", Prompt, "--max-tokens", "8"], run.Context with { Out = pieces }).ShouldBe(0, run.Error);

        pieces.Text.ShouldStartWith(" Paris.");
        pieces.Text.ShouldEndWith(Environment.NewLine);
        pieces.Flushes.ShouldBeGreaterThan(4);
        run.Error.ShouldContain("first token after");
        run.Error.ShouldContain("tokens/s");
        run.Error.ShouldContain("--max-tokens");
    }

    [Fact]
    public void Stop_strings_end_the_text_before_them()
    {
        ToolRun run = ToolRun.Of("generate", Prompt, "--max-tokens", "40", "--stop", "no such text", "--stop", "answer is", "--json", _folder.File("g.json"));
        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldBe(" Paris.\n\nThe " + Environment.NewLine);
        JsonElement text = Json("g.json");
        text.GetProperty("reason").GetString().ShouldBe("stop_string");
        text.GetProperty("text").GetString().ShouldBe(" Paris.\n\nThe ");
    }

    [Fact]
    public void The_seed_decides_what_is_drawn()
    {
        string[] arguments = ["generate", "Once upon a time", "--temperature", "1", "--top-k", "40", "--top-p", "0.95", "--min-p", "0.01", "--repetition-penalty", "1.1", "--max-tokens", "8", "--seed"];
        string five = ToolRun.Of([.. arguments, "5"]).Out;
        ToolRun.Of([.. arguments, "5"]).Out.ShouldBe(five);
        ToolRun.Of([.. arguments, "6"]).Out.ShouldNotBe(five);
    }

    [Fact]
    public void The_document_says_everything()
    {
        File.WriteAllText(_folder.File("prompt.txt"), Prompt);
        ToolRun run = ToolRun.Of("generate", "--prompt-file", _folder.File("prompt.txt"), "--max-tokens", "3", "--json", _folder.File("g.json"));
        run.ExitCode.ShouldBe(0, run.Error);
        JsonElement report = JsonDocument.Parse(File.ReadAllText(_folder.File("g.json"))).RootElement;
        report.EnumerateObject().Select(field => field.Name).ShouldBe(["schema_version", "model", "attention", "seed", "threads", "texts"]);
        JsonElement text = Json("g.json");
        text.EnumerateObject().Select(field => field.Name).ShouldBe(
            ["question", "text", "tokens", "reason", "prompt_tokens", "cached_tokens", "seconds_to_first_token", "seconds", "tokens_per_second"]);
        text.GetProperty("tokens").GetArrayLength().ShouldBe(3);
        text.GetProperty("prompt_tokens").GetInt32().ShouldBe(5);
        text.GetProperty("reason").GetString().ShouldBe("token_limit");
        new ToolRun(Prompt).Run("generate", "--prompt-file", "-", "--max-tokens", "3").Out.ShouldBe(run.Out);
    }

    [Fact]
    public void Positions_may_be_scaled_wherever_a_model_is_run()
    {
        ToolRun.Of("generate", Prompt, "--max-tokens", "2", "--rope", "yarn:factor=4").Out.ShouldStartWith(" Paris");
        ToolRun.Of("generate", Prompt, "--max-tokens", "2", "--rope", "ntk:factor=2").ExitCode.ShouldBe(0);
        ToolRun.Of("generate", Prompt, "--max-tokens", "2", "--rope", "linear:factor=2").ExitCode.ShouldBe(0);
        ToolRun.Of("generate", Prompt, "--rope", "spiral").ShouldBeBadInput("--rope");
    }

    [Theory]
    [InlineData("--temperature", "-1")]
    [InlineData("--temperature", "hot")]
    [InlineData("--top-p", "0")]
    [InlineData("--top-p", "1.5")]
    [InlineData("--min-p", "2")]
    [InlineData("--min-p", "NaN")]
    [InlineData("--repetition-penalty", "0")]
    [InlineData("--top-k", "-1")]
    [InlineData("--max-tokens", "0")]
    [InlineData("--stop", "")]
    [InlineData("--method", "windo")]
    [InlineData("--prompt-file", "also.txt")]
    public void Mistakes_are_one_line(string option, string value) => ToolRun.Of("generate", Prompt, option, value).ShouldBeBadInput(option == "--method" ? value : option);

    [Fact]
    public void A_prompt_is_needed()
    {
        ToolRun.Of("generate").ShouldBeBadInput("PROMPT");
        ToolRun.Of("generate", "").ShouldBeBadInput("empty");
    }

    [Fact]
    public void An_interruption_keeps_what_was_said()
    {
        using var interrupt = new CancellationTokenSource();
        var pieces = new PieceWriter { OnFlush = flushes => { if (flushes == 3) { interrupt.Cancel(); } } };
        var run = new ToolRun(cancellationToken: interrupt.Token);

        int code = CommandLine.Run(["generate", Prompt, "--max-tokens", "200", "--json", _folder.File("g.json")], run.Context with { Out = pieces });

        code.ShouldBe(ExitCodes.Interrupted);
        pieces.Text.ShouldStartWith(" Paris.");
        JsonElement text = Json("g.json");
        text.GetProperty("reason").GetString().ShouldBe("cancelled");
        (text.GetProperty("text").GetString() + Environment.NewLine).ShouldBe(pieces.Text);
        run.Error.ShouldContain("interrupted");
        run.Error.ShouldNotContain("   at ");
    }

    [Fact]
    public void A_conversation_goes_on_from_what_was_said()
    {
        ToolRun run = new ToolRun("What is the capital of France?\nAnd of Spain?\n\nnot read\n")
            .Run("chat", "--system", "Answer in one short sentence.", "--max-tokens", "12", "--json", _folder.File("c.json"));
        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("Paris");
        JsonElement[] texts = [.. JsonDocument.Parse(File.ReadAllText(_folder.File("c.json"))).RootElement.GetProperty("texts").EnumerateArray()];
        texts.Select(text => text.GetProperty("question").GetString()).ShouldBe(["What is the capital of France?", "And of Spain?"]);
        texts[0].GetProperty("cached_tokens").GetInt32().ShouldBe(0);
        texts[1].GetProperty("cached_tokens").GetInt32().ShouldBeGreaterThan(texts[0].GetProperty("prompt_tokens").GetInt32() - 1);
    }

    [Fact]
    public void A_model_without_chat_template_cannot_chat() =>
        new ToolRun("Hello\n").Run("chat", "--model", SharedData.Golden("gguf", "tiny-llama-f32.gguf")).ShouldBeBadInput("chat template", "generate");

    private JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllText(_folder.File(name))).RootElement.GetProperty("texts")[0];

    /// <summary>Counts how often the text was made visible.</summary>
    private sealed class PieceWriter : TextWriter
    {
        private readonly StringBuilder _text = new();

        public override Encoding Encoding => Encoding.UTF8;

        public Action<int>? OnFlush { get; init; }

        public int Flushes { get; private set; }

        public string Text => _text.ToString();

        public override void Write(char value) => _text.Append(value);

        public override void Flush()
        {
            Flushes++;
            OnFlush?.Invoke(Flushes);
        }
    }
}
