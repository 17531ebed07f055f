using System.Numerics.Tensors;
using System.Text.Json;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Inference;
using Prescore.Models.Layers;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Inference;

public class CausalSessionTests
{
    private const string TinyLlama = "tiny-llama-f32.gguf";

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(39)]
    public void Pieces_of_any_size_give_what_one_prefill_gives(int piece)
    {
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        int size = model.Configuration.HiddenSize;
        int[] tokens = TinyTokens();
        using CausalSession whole = GoldenModels.ExactSession(model);
        using CausalSession cut = GoldenModels.ExactSession(model);
        float[] expected = GoldenModels.Prefill(whole, tokens, size);

        var actual = new float[expected.Length];
        for (int first = 0; first < tokens.Length; first += piece)
        {
            int count = Math.Min(piece, tokens.Length - first);
            cut.Append(tokens.AsSpan(first, count), actual.AsSpan(first * size, count * size));
        }

        GoldenModels.LargestDifference(actual, expected).ShouldBeLessThan(1e-4);
        cut.Length.ShouldBe(tokens.Length);
        cut.Attention.Interactions.ShouldBe(whole.Attention.Interactions);
    }

    [Fact]
    public void A_prompt_of_several_chunks_equals_the_same_prompt_token_by_token()
    {
        using CausalModel model = GoldenModels.Tiny("tiny-llama3-rope-f32.gguf");
        int size = model.Configuration.HiddenSize;
        var random = new Random(5);
        int[] tokens = [.. Enumerable.Range(0, BlockWorkspace.MaxChunkRows + 65).Select(_ => random.Next(320))];
        using CausalSession whole = GoldenModels.ExactSession(model);
        using CausalSession cut = GoldenModels.ExactSession(model);
        float[] expected = GoldenModels.Prefill(whole, tokens, size);

        var row = new float[size];
        double largest = 0;
        for (int token = 0; token < tokens.Length; token++)
        {
            cut.Append(tokens.AsSpan(token, 1), row);
            largest = Math.Max(largest, GoldenModels.LargestDifference(row, expected.AsSpan(token * size, size)));
        }

        largest.ShouldBeLessThan(1e-4);
    }

    [Fact]
    public void Results_do_not_depend_on_threads()
    {
        int[] tokens = TinyTokens();
        using CausalModel one = CausalModel.Load(SharedData.Golden("gguf", TinyLlama), new ModelOptions { Threads = 1 });
        using CausalModel three = CausalModel.Load(SharedData.Golden("gguf", TinyLlama), new ModelOptions { Threads = 3 });
        using CausalSession single = GoldenModels.ExactSession(one, threads: 1);
        using CausalSession several = GoldenModels.ExactSession(three, threads: 3);

        GoldenModels.Prefill(several, tokens, 64).ShouldBe(GoldenModels.Prefill(single, tokens, 64));
    }

    /// <summary>Activations of eight bits: near those of floats, with the same bits for every cut of the prompt into pieces of more than a few tokens.</summary>
    [Fact]
    public void Rounded_activations_are_near_and_do_not_depend_on_cuts_and_threads()
    {
        string path = Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf");
        int[] tokens = [.. Enumerable.Range(0, 48).Select(i => 1000 + 37 * i)];
        float[] Hidden(ModelOptions options, int cut)
        {
            using CausalModel model = CausalModel.Load(path, options);
            using CausalSession session = GoldenModels.ExactSession(model);
            int size = model.Configuration.HiddenSize;
            var hidden = new float[tokens.Length * size];
            session.Append(tokens.AsSpan(0, cut), hidden.AsSpan(0, cut * size));
            session.Append(tokens.AsSpan(cut), hidden.AsSpan(cut * size));
            return hidden;
        }

        float[] floats = Hidden(new ModelOptions(), 20), rounded = Hidden(new ModelOptions { Activations = ActivationPrecision.Int8, Threads = 2 }, 20);
        var difference = new float[floats.Length];
        TensorPrimitives.Subtract(rounded, floats, difference);
        (TensorPrimitives.Norm<float>(difference) / TensorPrimitives.Norm<float>(floats)).ShouldBeInRange(1e-4f, 0.1f);
        Hidden(new ModelOptions { Activations = ActivationPrecision.Int8, Threads = 1 }, 9).ShouldBe(rounded);
    }

    [Fact]
    public void Only_the_last_row_is_written_where_there_is_room_for_one()
    {
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        int size = model.Configuration.HiddenSize;
        int[] tokens = TinyTokens();
        using CausalSession all = GoldenModels.ExactSession(model);
        using CausalSession last = GoldenModels.ExactSession(model);
        float[] expected = GoldenModels.Prefill(all, tokens, size);

        var row = new float[size];
        last.Append(tokens, row);

        row.ShouldBe(expected[^size..]);
    }

    [Fact]
    public void Rewinding_and_appending_again_equals_never_having_appended()
    {
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        int[] tokens = TinyTokens();
        using CausalSession straight = GoldenModels.ExactSession(model);
        using CausalSession rewound = GoldenModels.ExactSession(model);
        straight.Append(tokens.AsSpan(0, 20), []);
        float[] expected = GoldenModels.Prefill(straight, tokens.AsSpan(20), model.Configuration.HiddenSize);

        rewound.Append(tokens.AsSpan(0, 20), []);
        rewound.Append(tokens.AsSpan(5, 17), []);
        rewound.Rewind(20);
        rewound.Length.ShouldBe(20);

        GoldenModels.Prefill(rewound, tokens.AsSpan(20), model.Configuration.HiddenSize).ShouldBe(expected);
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("window:w=8")]
    [InlineData("clustered:error=0.1,block=16,w=4")]
    public void A_fork_and_its_origin_go_their_own_ways(string method)
    {
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        int[] tokens = TinyTokens();
        int vocabulary = model.Configuration.VocabularySize;
        using CausalSession straight = new(model, AttentionMethods.Create(method), AttentionOptions.Default);
        float[] expected = new float[vocabulary], ofFork = new float[vocabulary], ofOrigin = new float[vocabulary];
        straight.Predict(tokens, expected);

        using CausalSession origin = new(model, AttentionMethods.Create(method), AttentionOptions.Default);
        origin.Append(tokens.AsSpan(0, 30), []);
        using CausalSession fork = origin.Fork();
        origin.Append([5, 6, 7], []);
        fork.Predict(tokens.AsSpan(30), ofFork);
        origin.Rewind(30);
        origin.Predict(tokens.AsSpan(30), ofOrigin);

        fork.Length.ShouldBe(tokens.Length);
        GoldenModels.LargestDifference(ofFork, expected).ShouldBeLessThan(1e-4);
        ofOrigin.ShouldBe(ofFork);
    }

    [Fact]
    public void Greedy_decoding_continues_the_reference_prompts_exactly()
    {
        CausalModel model = GoldenModels.SmolLm2;
        int vocabulary = model.Configuration.VocabularySize;
        foreach (string line in File.ReadLines(SharedData.Golden("smollm2", "greedy.jsonl")))
        {
            using JsonDocument entry = JsonDocument.Parse(line);
            int[] prompt = Ids(entry, "ids"), expected = Ids(entry, "continuation");
            using CausalSession session = GoldenModels.ExactSession(model);
            var logits = new float[vocabulary];
            var continuation = new List<int>();
            ReadOnlySpan<int> next = prompt;
            while (continuation.Count < expected.Length)
            {
                session.Predict(next, logits);
                continuation.Add(TensorPrimitives.IndexOfMax<float>(logits));
                next = continuation.ToArray().AsSpan(^1..);
            }
            continuation.ShouldBe(expected);
        }

        static int[] Ids(JsonDocument entry, string name) => [.. entry.RootElement.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
    }

    [Fact]
    public void Progress_tells_every_layer_and_the_report_adds_all_of_them()
    {
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        int[] tokens = TinyTokens();
        var fractions = new List<double>();
        using CausalSession session = GoldenModels.ExactSession(model);

        session.Append(tokens, [], new Recorder(fractions));

        fractions.ShouldBe([1 / 3.0, 2 / 3.0, 1]);
        session.AttentionByLayer.Count.ShouldBe(3);
        session.Attention.Interactions.ShouldBe(3L * 4 * 40 * 41 / 2);
        session.Attention.Budget.ShouldBe(1);
        session.CacheBytes.ShouldBeGreaterThanOrEqualTo(3L * 40 * 2 * 2 * 16 * sizeof(float));
    }

    [Fact]
    public void A_cancelled_session_is_as_it_was_before_the_call()
    {
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        int[] tokens = TinyTokens();
        using var cancellation = new CancellationTokenSource();
        using CausalSession straight = GoldenModels.ExactSession(model);
        using CausalSession session = GoldenModels.ExactSession(model);
        straight.Append(tokens.AsSpan(0, 7), []);
        float[] expected = GoldenModels.Prefill(straight, tokens.AsSpan(7), model.Configuration.HiddenSize);
        session.Append(tokens.AsSpan(0, 7), []);
        AttentionReport work = session.Attention;
        session.OnResidual = (index, _, _) =>
        {
            if (index == 1)
            {
                cancellation.Cancel();
            }
        };

        Should.Throw<OperationCanceledException>(() => session.Append(tokens, [], null, cancellation.Token));

        session.Length.ShouldBe(7);
        session.Attention.ShouldBe(work);
        session.OnResidual = null;
        GoldenModels.Prefill(session, tokens.AsSpan(7), model.Configuration.HiddenSize).ShouldBe(expected);
    }

    [Fact]
    public void Bad_input_is_refused_before_any_work_and_leaves_the_session_usable()
    {
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        int[] tokens = TinyTokens();
        using CausalSession session = GoldenModels.ExactSession(model);

        Should.Throw<ArgumentException>(() => session.Append([], [])).Message.ShouldContain("no tokens");
        Should.Throw<ArgumentException>(() => session.Append([3, 320], [])).Message.ShouldContain("token 320 at index 1");
        Should.Throw<ArgumentException>(() => session.Append([-1], [])).Message.ShouldContain("token -1");
        Should.Throw<ArgumentException>(() => session.Append(tokens, new float[63])).Message.ShouldContain("64 or 2560");
        session.Length.ShouldBe(0);
        session.Append(tokens, []);
        session.Length.ShouldBe(tokens.Length);
    }

    [Fact]
    public void More_tokens_than_the_trained_context_need_leave()
    {
        string path = SharedData.Golden("gguf", TinyLlama);
        using CausalModel strict = CausalModel.Load(path);
        int limit = strict.Configuration.TrainedContext;
        strict.ContextLimit.ShouldBe(limit);
        ContextLimitException error = Should.Throw<ContextLimitException>(() => strict.RequireContext(limit + 1));
        error.Message.ShouldContain($"{limit + 1} tokens is beyond the model's {limit}");
        error.Message.ShouldContain("yarn:factor=2");
        using CausalSession session = GoldenModels.ExactSession(strict);
        Should.Throw<ContextLimitException>(() => session.Append(new int[limit + 1], []));

        using CausalModel scaled = CausalModel.Load(path, new ModelOptions { Rope = new YarnScaling(4) });
        scaled.ContextLimit.ShouldBe(4 * limit);
        using CausalModel reckless = CausalModel.Load(path, new ModelOptions { AllowLong = true });
        reckless.RequireContext(int.MaxValue);
    }

    [Fact]
    public void The_tokenizer_of_the_model_file_fits_its_vocabulary()
    {
        using var file = Prescore.Models.Formats.Gguf.GgufFile.Open(SharedData.Golden("gguf", TinyLlama));
        using CausalModel model = GoldenModels.Tiny(TinyLlama);
        GgufTokenizer.FromGguf(file).VocabularySize.ShouldBe(model.Configuration.VocabularySize);
    }

    private static int[] TinyTokens()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("tiny", "llama", "golden.safetensors"));
        return golden.ReadInt32s("input_ids");
    }

    private sealed class Recorder(List<double> fractions) : IProgress<double>
    {
        public void Report(double value) => fractions.Add(value);
    }
}
