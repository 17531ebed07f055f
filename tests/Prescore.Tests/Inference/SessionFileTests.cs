using System.Security.Cryptography;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Inference;
using Prescore.Models.Layers;
using Prescore.Tests.Families;

namespace Prescore.Tests.Inference;

public class SessionFileTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 300).Select(i => i * 37 % 50)];

    public static TheoryData<string> Methods =>
    [
        "exact", "window:w=32", "hyper:block=16,sample=16,min=32", "prescored:scorer=kmeans,s=32,w=16", "prescored:scorer=leverage,s=32,inner=hyper",
        "coreset:s=16,w=32", "quest:s=32", "quoka:s=32,chunk=32", "xattention:threshold=0.5", "clustered:error=0.1", "clustered:budget=0.5",
    ];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_session_that_was_read_goes_on_as_the_saved_one_does(string method)
    {
        using var folder = new TemporaryFolder();
        using CausalModel model = Model(folder);
        using CausalSession saved = Session(model, method);
        saved.Append(Tokens.AsSpan(0, 257), []);
        SessionFile.Save(saved, folder.File("session"));

        using CausalSession read = SessionFile.Load(folder.File("session"), model, AttentionMethods.Create(method), AttentionOptions.Default);

        read.Length.ShouldBe(257);
        read.Tokens.ShouldBe(Tokens[..257]);
        foreach (Range range in new[] { 257..258, 258..290, 290..300 })
        {
            Predict(read, model, Tokens[range]).ShouldBe(Predict(saved, model, Tokens[range]));
        }
        read.Rewind(100);
        saved.Rewind(100);
        Predict(read, model, Tokens[..50]).ShouldBe(Predict(saved, model, Tokens[..50]));
    }

    [Theory]
    [InlineData("clustered:error=0.05")]
    [InlineData("coreset:s=16,w=32")]
    public void Lengths_beside_the_blocks_make_no_difference(string method)
    {
        using var folder = new TemporaryFolder();
        using CausalModel model = Model(folder, context: 4096);
        int[] tokens = [.. Enumerable.Range(0, 1500).Select(i => (i * 37 + i / 7) % 50)];
        foreach (int length in new[] { 0, 3, 256, 257, 1300 })
        {
            using CausalSession saved = Session(model, method);
            if (length > 0)
            {
                saved.Append(tokens.AsSpan(0, length), []);
            }
            SessionFile.Save(saved, folder.File("session"));
            using CausalSession read = SessionFile.Load(
                folder.File("session"), model, AttentionMethods.Create(method), AttentionOptions.Default with { Threads = 1 });
            Predict(read, model, tokens[length..]).ShouldBe(Predict(saved, model, tokens[length..]), $"{length} tokens");
            read.Certificates.ShouldBe(saved.Certificates);
            read.Rewind(length / 2);
            saved.Rewind(length / 2);
            Predict(read, model, tokens[(length / 2)..]).ShouldBe(Predict(saved, model, tokens[(length / 2)..]), $"{length} tokens, rewound");
        }
    }

    [Fact]
    public void A_method_from_outside_that_cannot_be_saved_is_named()
    {
        using var folder = new TemporaryFolder();
        using CausalModel model = Model(folder);
        using var session = new CausalSession(model, new Unsavable(), AttentionOptions.Default);
        Should.Throw<SessionNotSavableException>(() => SessionFile.Save(session, folder.File("session"))).Message.ShouldContain("unsavable");
        File.Exists(folder.File("session")).ShouldBeFalse();
    }

    [Fact]
    public void Content_that_no_session_has_is_refused_even_with_a_right_checksum()
    {
        using var folder = new TemporaryFolder();
        using CausalModel model = Model(folder, context: 4096);
        foreach (string method in new[] { "exact", "clustered:error=0.1" })
        {
            using CausalSession saved = Session(model, method);
            saved.Append([.. Enumerable.Range(0, 600).Select(i => i * 37 % 50)], []);
            string path = folder.File("session");
            SessionFile.Save(saved, path);
            byte[] sound = File.ReadAllBytes(path);
            int header = 12 + BitConverter.ToInt32(sound, 8);
            int refused = 0;
            for (int at = header; at < sound.Length - 32; at += 9973)
            {
                byte[] damaged = [.. sound];
                damaged[at] ^= 0xFF;
                SHA256.HashData(damaged.AsSpan(0, damaged.Length - 32), damaged.AsSpan(damaged.Length - 32));
                File.WriteAllBytes(path, damaged);
                try
                {
                    SessionFile.Load(path, model, AttentionMethods.Create(method), AttentionOptions.Default).Dispose();
                }
                catch (ModelFormatException)
                {
                    refused++;
                }
            }
            refused.ShouldBeGreaterThan(0, method);
            // One number less, one more.
            foreach (byte[] content in new[] { sound[..^36], [.. sound[..^32], 0, 0, 0, 0] })
            {
                File.WriteAllBytes(path, [.. content, .. SHA256.HashData(content)]);
                Refusal(path, model, method, AttentionOptions.Default).ShouldContain("damaged");
            }
        }
    }

    [Fact]
    public void What_was_saved_with_something_else_is_refused()
    {
        using var folder = new TemporaryFolder();
        using CausalModel model = Model(folder);
        using CausalSession saved = Session(model, "exact");
        saved.Append(Tokens, []);
        string path = folder.File("session");
        SessionFile.Save(saved, path);

        Refusal(path, model, "window:w=8", AttentionOptions.Default).ShouldContain("method exact, not window:w=8");
        Refusal(path, model, "exact", AttentionOptions.Default with { Seed = 3 }).ShouldContain("seed 0, not 3");
        new RandomLlama(seed: 2).Write(folder.File("other.gguf"));
        using CausalModel other = CausalModel.Load(folder.File("other.gguf"));
        Refusal(path, other, "exact", AttentionOptions.Default).ShouldContain("model of SHA-256");
        using CausalModel scaled = CausalModel.Load(folder.File("model.gguf"), new ModelOptions { Rope = new LinearScaling(2) });
        Refusal(path, scaled, "exact", AttentionOptions.Default).ShouldContain("scaling of positions");
        using CausalModel rounding = CausalModel.Load(folder.File("model.gguf"), new ModelOptions { Activations = ActivationPrecision.Int8 });
        Refusal(path, rounding, "exact", AttentionOptions.Default).ShouldContain("activations Float, not Int8");
    }

    [Fact]
    public void A_damaged_file_is_refused_wherever_the_damage_is()
    {
        using var folder = new TemporaryFolder();
        using CausalModel model = Model(folder);
        using CausalSession saved = Session(model, "exact");
        saved.Append(Tokens.AsSpan(0, 40), []);
        string path = folder.File("session");
        SessionFile.Save(saved, path);
        byte[] sound = File.ReadAllBytes(path);
        var random = new Random(1);

        for (int round = 0; round < 300; round++)
        {
            byte[] damaged = [.. sound];
            damaged[round < 250 ? round : random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, damaged);
            Refusal(path, model, "exact", AttentionOptions.Default).ShouldNotContain('\n');
            File.WriteAllBytes(path, sound[..random.Next(sound.Length)]);
            Refusal(path, model, "exact", AttentionOptions.Default).ShouldStartWith("session: ");
        }
    }

    private static string Refusal(string path, CausalModel model, string method, AttentionOptions options) =>
        Should.Throw<ModelFormatException>(() => SessionFile.Load(path, model, AttentionMethods.Create(method), options)).Message;

    private static CausalModel Model(TemporaryFolder folder, uint context = 512)
    {
        var llama = new RandomLlama();
        llama.Metadata["llama.context_length"] = context;
        llama.Write(folder.File("model.gguf"));
        return CausalModel.Load(folder.File("model.gguf"));
    }

    private static CausalSession Session(CausalModel model, string method) => new(model, AttentionMethods.Create(method), AttentionOptions.Default);

    private static float[] Predict(CausalSession session, CausalModel model, int[] tokens)
    {
        var logits = new float[model.Configuration.VocabularySize];
        session.Predict(tokens, logits);
        return logits;
    }

    /// <summary>Exact attention, but for its caches.</summary>
    private sealed class Unsavable : IAttention
    {
        private readonly ExactAttention _inner = new();

        public string Spec => "unsavable";

        public AttentionReport Compute(in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken) =>
            _inner.Compute(input, output, options, cancellationToken);

        public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) => new Plain(_inner.CreateCache(shape, options));

        private sealed class Plain(IKeyValueCache inner) : IKeyValueCache
        {
            public int Length => inner.Length;

            public long Bytes => inner.Bytes;

            public AttentionReport AppendAndAttend(
                int count, ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, Span<float> output, CancellationToken cancellationToken) =>
                inner.AppendAndAttend(count, queries, keys, values, output, cancellationToken);

            public void Rewind(int length) => inner.Rewind(length);

            public IKeyValueCache Fork() => new Plain(inner.Fork());

            public void Dispose() => inner.Dispose();
        }
    }
}
