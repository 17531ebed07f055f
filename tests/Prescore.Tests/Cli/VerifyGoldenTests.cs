namespace Prescore.Tests.Cli;

/// <summary><c>prescore verify</c> on every language model of the reference data, at the bounds that these data state.</summary>
public class VerifyGoldenTests
{
    private const string Switch = "PRESCORE_LONG_TESTS";

    private static string SmolLm2 => Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf");

    [Theory]
    [InlineData("llama")]
    [InlineData("llama3-rope", "--tolerance", "2")]
    [InlineData("mistral")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    [InlineData("glm")]
    [InlineData("chatglm3")]
    [InlineData("chatglm3-32k")]
    [InlineData("chatglm2-32k")]
    [InlineData("gemma3")]
    [InlineData("gpt2")]
    public void A_folder_passes(string name, params string[] options) =>
        Passes([SharedData.Golden("tiny", name), SharedData.Golden("tiny", name, "golden.safetensors"), .. options]);

    [Theory]
    [InlineData("tiny-llama-f32.gguf", "tiny/llama/golden.safetensors")]
    [InlineData("tiny-llama-f16.gguf", "gguf/tiny-llama-f16.golden.safetensors")]
    [InlineData("tiny-llama-q8_0.gguf", "gguf/tiny-llama-q8_0.golden.safetensors")]
    [InlineData("tiny-llama3-rope-f32.gguf", "tiny/llama3-rope/golden.safetensors", "--tolerance", "2")]
    [InlineData("tiny-qwen2-f32.gguf", "tiny/qwen2/golden.safetensors")]
    [InlineData("tiny-qwen3-f32.gguf", "tiny/qwen3/golden.safetensors")]
    [InlineData("tiny-chatglm3-f32.gguf", "tiny/chatglm3/golden.safetensors")]
    [InlineData("tiny-llama-f32.gguf", "gguf/tiny-tokenizer.jsonl")]
    [InlineData("tiny-qwen2-f32.gguf", "gguf/tiny-tokenizer.jsonl")]
    [InlineData("tiny-qwen3-f32.gguf", "gguf/tiny-tokenizer.jsonl")]
    [InlineData("tiny-chatglm3-f32.gguf", "gguf/tiny-tokenizer.jsonl")]
    public void A_GGUF_file_passes(string file, string cases, params string[] options) =>
        Passes([SharedData.Golden("gguf", file), SharedData.Golden(cases.Split('/')), .. options]);

    [Theory]
    [InlineData("tokenizer.jsonl")]
    [InlineData("tokenizer_missing_bytes.jsonl")]
    [InlineData("tokenizer_special.jsonl", "--special")]
    [InlineData("chat.jsonl")]
    [InlineData("greedy.jsonl")]
    [InlineData("short.safetensors")]
    public void The_embedded_model_passes(string cases, params string[] options) => Passes([SmolLm2, SharedData.Golden("smollm2", cases), .. options]);

    [Theory]
    [InlineData("nll-8k-wikitext2.safetensors")]
    [InlineData("nll-8k-paulgraham.safetensors")]
    [InlineData("nll-16k-yarn2-warandpeace.safetensors", "--rope", "yarn:factor=2", "--tolerance", "2")]
    [InlineData("nll-32k-yarn4-warandpeace.safetensors", "--rope", "yarn:factor=4", "--tolerance", "2")]
    public void Long_texts_pass(string cases, params string[] options)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Switch) == "1", $"takes up to minutes; set {Switch}=1 to run it");
        Passes([SmolLm2, SharedData.Golden("smollm2", cases), .. options]);
    }

    private static void Passes(string[] arguments)
    {
        ToolRun run = ToolRun.Of(["verify", .. arguments]);
        run.ExitCode.ShouldBe(0, run.Out + run.Error);
        run.Out.ShouldContain("passed");
    }
}
