using Prescore.Attention;
using Prescore.Attention.Contracts;
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

    private static CausalModel Model(TemporaryFolder folder)
    {
        new RandomLlama().Write(folder.File("model.gguf"));
        return CausalModel.Load(folder.File("model.gguf"));
    }

    private static CausalSession Session(CausalModel model, string method) => new(model, AttentionMethods.Create(method), AttentionOptions.Default);

    private static float[] Predict(CausalSession session, CausalModel model, int[] tokens)
    {
        var logits = new float[model.Configuration.VocabularySize];
        session.Predict(tokens, logits);
        return logits;
    }
}
