using Prescore.Models.Evaluation;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Evaluation;

public class TokenizerVerifierTests
{
    private static readonly Lazy<ITokenizer> Embedded = new(() =>
    {
        using GgufFile file = GgufFile.Open(Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf"));
        return GgufTokenizer.FromGguf(file);
    });

    [Theory]
    [InlineData("tokenizer.jsonl", false, 250)]
    [InlineData("tokenizer_special.jsonl", true, 32)]
    [InlineData("chat.jsonl", true, 3)]
    public void Reference_ids_pass(string cases, bool special, int lines)
    {
        VerificationResult result = TokenizerVerifier.Verify(Embedded.Value, SharedData.Golden("smollm2", cases), special);
        result.Passed.ShouldBeTrue();
        result.Arrays.ShouldBe([new ArrayComparison("ids", lines, 0, 0, 0, null)]);
    }

    [Fact]
    public void Control_tokens_that_are_not_recognised_fail() =>
        TokenizerVerifier.Verify(Embedded.Value, SharedData.Golden("smollm2", "chat.jsonl")).Passed.ShouldBeFalse();

    [Theory]
    [InlineData("[504, 3575, 283, 4649, 314]", "line 3, id 2: 282 instead of 283")]
    [InlineData("[504, 3575]", "line 3: 5 ids instead of 2")]
    [InlineData("[504, 3575, 282, 4649, 314, 1]", "line 3: 5 ids instead of 6")]
    public void The_first_difference_is_told(string ids, string mismatch)
    {
        using TemporaryFolder folder = new();
        const string Good = "{\"text\": \"The capital of France is\", \"ids\": [504, 3575, 282, 4649, 314]}\n";
        File.WriteAllText(folder.File("cases.jsonl"), $"{Good}\n{{\"text\": \"The capital of France is\", \"ids\": {ids}}}\n{Good}{Good}");
        TokenizerVerifier.Verify(Embedded.Value, folder.File("cases.jsonl")).Arrays
            .ShouldBe([new ArrayComparison("ids", 4, 1, 0.25, 0, mismatch)]);
    }

    [Theory]
    [InlineData("", "nothing to compare")]
    [InlineData("\n \n", "nothing to compare")]
    [InlineData("{\"text\": \"a\"}", "line 1")]
    [InlineData("\n{\"ids\": [1]}", "line 2")]
    [InlineData("{\"text\": 3, \"ids\": [1]}", "line 1")]
    [InlineData("{\"text\": null, \"ids\": [1]}", "line 1")]
    [InlineData("{\"text\": \"a\", \"ids\": 1}", "line 1")]
    [InlineData("{\"text\": \"a\", \"ids\": [1.5]}", "line 1")]
    [InlineData("{\"text\": \"a\", \"ids\": [\"1\"]}", "line 1")]
    [InlineData("{\"text\": \"\\ud800\", \"ids\": [1]}", "line 1")]
    [InlineData("[1, 2]", "line 1")]
    [InlineData("{\"text\": ", "line 1")]
    public void Files_of_another_form_are_refused(string content, string problem)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("cases.jsonl"), content);
        Should.Throw<ModelFormatException>(() => TokenizerVerifier.Verify(Embedded.Value, folder.File("cases.jsonl"))).Message.ShouldContain(problem);
    }
}
