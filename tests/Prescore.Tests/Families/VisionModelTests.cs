using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Models.Evaluation;
using Prescore.Models.Evaluation.Images;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Images;
using Prescore.Models.Inference;
using Prescore.Models.Layers;

namespace Prescore.Tests.Families;

public class VisionModelTests
{
    [Theory]
    [InlineData("vit")]
    [InlineData("dinov2")]
    public void Tiny_models_match_their_goldens(string name)
    {
        using VisionModel model = VisionModel.Load(SharedData.Golden("tiny", name));
        VerificationResult result = new VisionVerifier(model, AttentionMethods.Create("exact"), AttentionOptions.Default)
            .Verify(SharedData.Golden("tiny", name, "golden.safetensors"));
        result.Arrays.Select(array => array.Name).ShouldBe(["final_norm", "hidden_states.0", "hidden_states.1", "hidden_states.2", "logits"], ignoreOrder: true);
        result.Arrays.ShouldAllBe(array => array.Passed);
    }

    [Theory]
    [InlineData("cat-224")]
    [InlineData("palace-224")]
    [InlineData("coffee-518")]
    public void Dinov2_small_matches_its_goldens(string name)
    {
        using VisionModel model = VisionModel.Load(SharedData.File("models", "dinov2-small"));
        VerificationResult result = new VisionVerifier(model, AttentionMethods.Create("exact"), AttentionOptions.Default)
            .Verify(SharedData.Golden("dinov2", name + ".safetensors"));
        result.Arrays.Count.ShouldBe(5);
        result.Arrays.ShouldAllBe(array => array.Passed);
    }

    [Fact]
    public void The_input_of_a_PNG_file_is_the_golden_one()
    {
        using VisionModel model = VisionModel.Load(SharedData.File("models", "dinov2-small"));
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("dinov2", "cat-224.safetensors"));
        PixelValues values = model.Preprocessing.Normalise(ImageFile.Read(SharedData.Golden("dinov2", "cat-224.png")));
        values.Values.Zip(golden.ReadFloats("pixel_values"), (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5f);
    }

    /// <summary>All 600 were compared once (largest difference of a logit 1.7e-5); here those with a small margin and some others.</summary>
    [Fact]
    public void The_linear_probe_predicts_what_the_golden_one_does()
    {
        Assert.SkipUnless(FashionMnist.IsInstalled, "Fashion-MNIST is not installed (Debian package dataset-fashion-mnist)");
        using VisionModel model = VisionModel.Load(SharedData.File("models", "dinov2-small"));
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("dinov2", "fashion-probe.safetensors"));
        LinearProbe probe = LinearProbe.Read(golden.Path);
        float[] expected = golden.ReadFloats("logits");
        LabelledImages test = FashionMnist.ReadTest();
        int[] images = [0, 1, 2, 3, 14, 107, 269, 474, 512, 599];
        var logits = new float[images.Length][];
        VisionBatch.Run(
            model,
            AttentionMethods.Create("exact"),
            AttentionOptions.Default,
            images.Length,
            i => model.Preprocessing.Normalise(RgbImage.FromGrey(test.Width, test.Height, test[images[i]]).Repeated(8)),
            (i, features) => logits[i] = probe.Logits(features.ClsAndPatchMean()));
        for (int i = 0; i < images.Length; i++)
        {
            logits[i].Zip(expected.AsSpan(images[i] * 10, 10).ToArray(), (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(5e-3f);
        }
    }

    [Fact]
    public void Features_do_not_depend_on_threads()
    {
        using VisionModel model = VisionModel.Load(SharedData.Golden("tiny", "dinov2"));
        var image = new PixelValues([.. Enumerable.Range(0, 3 * 40 * 52).Select(i => MathF.Sin(i))], 3, 40, 52);
        float[] Run(int threads, string spec) =>
            new VisionSession(model, AttentionMethods.Create(spec), new AttentionOptions { Threads = threads }).Run(image).Tokens;

        foreach (string spec in new[] { "exact", "coreset:s=20,protect=1" })
        {
            Run(3, spec).ShouldBe(Run(1, spec));
        }
        Run(1, "exact").Length.ShouldBe((1 + 10 * 13) * 64);
    }

    [Fact]
    public void Positions_of_the_trained_grid_are_kept_where_the_new_one_meets_it()
    {
        const int Side = 8;
        float[] trained = [7, .. Enumerable.Range(0, Side * Side).Select(i => 3f * (i / Side) + i % Side)];
        var grid = new PositionGrid(trained, Side, 1);
        grid.For(Side, Side).ShouldBeSameAs(trained);
        float[] finer = grid.For(24, 40);
        finer[0].ShouldBe(7);
        // Three times as many rows and five times as many columns: the middle ones of each three and five are old ones.
        finer[1 + 13 * 40 + 22].ShouldBe(3 * 4 + 4, 1e-5f);
    }

    [Fact]
    public void Folders_that_are_no_vision_model_are_refused()
    {
        using var folder = new TemporaryFolder();
        Should.Throw<ModelFormatException>(() => VisionModel.Load(folder.Path)).Message.ShouldContain("config.json");
        string config = Path.Combine(folder.Path, "config.json");
        File.WriteAllText(config, """{"model_type":"vitt"}""");
        Should.Throw<ModelFormatException>(() => VisionModel.Load(folder.Path)).Message.ShouldContain("did you mean 'vit'");
        File.Copy(SharedData.Golden("tiny", "vit", "model.safetensors"), Path.Combine(folder.Path, "model.safetensors"));
        string good = File.ReadAllText(SharedData.Golden("tiny", "vit", "config.json"));
        foreach ((string from, string to) in new[]
        {
            ("\"hidden_size\": 64", "\"hidden_size\": 128"),
            ("\"hidden_size\": 64", "\"hidden_size\": 0"),
            ("\"patch_size\": 4", "\"patch_size\": 64"),
            ("\"num_channels\": 3", "\"num_channels\": 4"),
            ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1"),
            ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
            ("\"num_attention_heads\": 4", "\"num_attention_heads\": 5"),
            ("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\""),
        })
        {
            good.ShouldContain(from);
            File.WriteAllText(config, good.Replace(from, to, StringComparison.Ordinal));
            Should.Throw<ModelFormatException>(() => VisionModel.Load(folder.Path), to);
        }
    }
}
