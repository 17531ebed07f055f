using System.Text.Json;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Generation;
using Prescore.Generation.Sampling;
using Prescore.Generation.Stopping;
using Prescore.Generation.Verification;
using Prescore.Models.Evaluation;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;
using Prescore.Tests.Inference;

namespace Prescore.Tests.Generation;

public sealed class TextGeneratorTests : IDisposable
{
    private static readonly Lazy<ModelTokenizer> Text = new(() =>
        ModelTokenizer.Load(Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")));

    private readonly PromptSession _session = Session("exact");

    private static ITokenizer Tokenizer => Text.Value.Tokenizer;

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Greedy_continuations_are_the_reference_ones()
    {
        using TextInput cases = TextInput.Open(SharedData.Golden("smollm2", "greedy.jsonl"));
        VerificationResult result = GreedyVerifier.Verify(_session, Tokenizer, new CaseLines(cases));
        result.Arrays.Select(array => (array.Name, array.Values, array.FirstMismatch)).ShouldBe([("prompt ids", 5, null), ("continuation", 5, null)]);
    }

    [Fact]
    public void Conversations_are_written_as_in_the_reference()
    {
        using TextInput cases = TextInput.Open(SharedData.Golden("smollm2", "chat.jsonl"));
        VerificationResult result = ChatVerifier.Verify(Text.Value, new CaseLines(cases));
        result.Arrays.Select(array => (array.Name, array.Values, array.FirstMismatch)).ShouldBe([("text", 3, null), ("ids", 3, null)]);
    }

    [Fact]
    public void Text_comes_in_pieces_and_ends_at_a_stop_string_across_tokens()
    {
        var pieces = new List<string>();
        GenerationResult result = Generate("The capital of France is", new GenerationOptions { StopStrings = ["answer is"], MaxTokens = 40 }, pieces.Add);

        result.Text.ShouldBe(" Paris.\n\nThe ");
        result.Reason.ShouldBe(StopReason.StopString);
        string.Concat(pieces).ShouldBe(result.Text);
        pieces.Count.ShouldBeGreaterThan(2);
    }

    [Fact]
    public void A_prompt_that_begins_alike_is_not_read_again_and_gives_the_same_text()
    {
        Generate("The capital of France is", new GenerationOptions { MaxTokens = 6 });
        GenerationResult again = Generate("The capital of Spain is", new GenerationOptions { MaxTokens = 6 });
        again.CachedTokens.ShouldBe(3);
        using PromptSession fresh = Session("exact");
        GenerationResult alone = new TextGenerator(fresh, Tokenizer).Generate(Tokenizer.Encode("The capital of Spain is"), new GenerationOptions { MaxTokens = 6 });
        again.Tokens.ShouldBe(alone.Tokens);
        alone.CachedTokens.ShouldBe(0);
    }

    [Fact]
    public void Cancelling_keeps_what_was_said()
    {
        using var cancellation = new CancellationTokenSource();
        int pieces = 0;
        GenerationResult result = new TextGenerator(_session, Tokenizer).Generate(
            Tokenizer.Encode("The capital of France is"),
            new GenerationOptions { MaxTokens = 100 },
            _ =>
            {
                if (++pieces == 2)
                {
                    cancellation.Cancel();
                }
            },
            cancellationToken: cancellation.Token);
        result.Reason.ShouldBe(StopReason.Cancelled);
        result.Text.ShouldBe(" Paris.");
        // The session is of use afterwards, also where a prompt was cut.
        new TextGenerator(_session, Tokenizer).Generate([1, 2], new GenerationOptions(), cancellationToken: cancellation.Token).Reason.ShouldBe(StopReason.Cancelled);
        Generate("The capital of France is", new GenerationOptions { MaxTokens = 2 }).Text.ShouldBe(" Paris.");
    }

    [Fact]
    public void The_same_seed_gives_the_same_text_and_an_end_token_ends_it()
    {
        var options = new GenerationOptions { MaxTokens = 12, Sampling = new SamplingOptions { Temperature = 1, Seed = 5 } };
        Generate("Once upon a time", options).Tokens.ShouldBe(Generate("Once upon a time", options).Tokens);
        Generate("Once upon a time", options).Tokens.ShouldNotBe(Generate("Once upon a time", options with { Sampling = options.Sampling with { Seed = 6 } }).Tokens);
        GenerationResult ended = Generate("<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\nYes.", new GenerationOptions { MaxTokens = 12 });
        ended.Reason.ShouldBe(StopReason.EndToken);
        ended.Text.ShouldNotContain("<|im_end|>");
    }

    [Fact]
    public void Reference_lines_with_foreign_ids_are_refused()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("g.jsonl"), JsonSerializer.Serialize(new { prompt = "a", ids = new[] { 999_999 }, continuation = new[] { 1 } }) + "\n");
        using TextInput cases = TextInput.Open(folder.File("g.jsonl"));
        Should.Throw<ModelFormatException>(() => GreedyVerifier.Verify(_session, Tokenizer, new CaseLines(cases))).Message.ShouldContain("line 1");
    }

    private static PromptSession Session(string method) =>
        new(GoldenModels.SmolLm2, AttentionMethods.Create(method), new AttentionOptions { Threads = 2 });

    private GenerationResult Generate(string prompt, GenerationOptions options, Action<string>? onText = null) =>
        new TextGenerator(_session, Tokenizer).Generate(Tokenizer.Encode(prompt, special: true), options, onText);
}
