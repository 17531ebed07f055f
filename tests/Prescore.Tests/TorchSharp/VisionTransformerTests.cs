using Prescore.Models.Evaluation.Images;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.TorchSharp.Training;
using Prescore.TorchSharp.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.Tests.TorchSharp;

/// <summary>The vision transformer against Hugging Face's, and its training.</summary>
public class VisionTransformerTests
{
    private static readonly VisionSettings Small = new() { ImageSize = 8, PatchSize = 2, HiddenSize = 16, Layers = 2, Heads = 2, FeedForwardSize = 24 };

    private static readonly TrainingSettings Quick = new() { Epochs = 12, SparseEpochs = 2, BatchSize = 20, LearningRate = 1e-2, LargestShift = 1, Seed = 4 };

    [Fact]
    public void Logits_equal_those_of_the_reference_model()
    {
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("tiny", "vit", "golden.safetensors"));
        using var model = new VisionTransformer(
            new VisionSettings { ImageSize = 32, PatchSize = 4, Channels = 3, HiddenSize = 64, Layers = 2, Heads = 4, FeedForwardSize = 160, NormEpsilon = 1e-12 }, "exact", 0);
        model.Load(SharedData.Golden("tiny", "vit", "model.safetensors"));
        Tensor logits = model.call(tensor(golden.ReadFloats("pixel_values"), [2, 3, 32, 32]));
        (logits - tensor(golden.ReadFloats("logits"), [2, 10])).abs().max().item<float>().ShouldBeLessThan(1e-4f);
    }

    [Fact]
    public void A_saved_model_is_read_back_to_the_bit_and_other_sizes_are_refused()
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        using VisionTransformer model = Create("exact", 1), other = Create("coreset:s=5", 2);
        model.Save(folder.File("a.safetensors"), new Dictionary<string, string> { ["method"] = "exact" });
        other.Load(folder.File("a.safetensors"));
        Weights(other).ShouldBe(Weights(model));
        using var larger = new VisionTransformer(Small with { HiddenSize = 32 }, "exact", 0);
        Should.Throw<ModelFormatException>(() => larger.Load(folder.File("a.safetensors"))).Message.ShouldContain("vit.embeddings.cls_token");
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("prescored:scorer=kmeans,s=6")]
    [InlineData("prescored:scorer=leverage,s=3,rest=coreset,reps=4")]
    public void Training_learns_and_one_that_was_killed_goes_on_to_the_bit(string method)
    {
        using var folder = new TemporaryFolder();
        TrainingSettings settings = Quick with { Method = method };
        using VisionTransformer whole = Create(method, 3), killed = Create(method, 3), resumed = Create(method, 9);
        double before = new Trainer(whole, settings).Accuracy(Squares, TestContext.Current.CancellationToken);
        double after = Train(whole, settings, folder.File("whole.state"));
        after.ShouldBeGreaterThan(Math.Max(before, 0.9));

        using var kill = new CancellationTokenSource();
        var afterTwo = new ImmediateProgress(progress =>
        {
            if (progress is { Epoch: 2, TestAccuracy: not null })
            {
                kill.Cancel();
            }
        });
        Should.Throw<OperationCanceledException>(() => new Trainer(killed, settings).Run(Squares, Squares, folder.File("killed.state"), afterTwo, kill.Token));
        Train(resumed, settings, folder.File("killed.state"));
        Weights(resumed).ShouldBe(Weights(whole));
    }

    [Fact]
    public void A_checkpoint_of_other_settings_is_refused()
    {
        using var folder = new TemporaryFolder();
        using VisionTransformer model = Create("exact", 3);
        Train(model, Quick with { Epochs = 1 }, folder.File("a.state"));
        Should.Throw<ModelFormatException>(() => Train(model, Quick, folder.File("a.state"))).Message.ShouldContain("settings");
    }

    [Fact]
    public void The_rate_rises_over_a_tenth_and_falls_to_nothing()
    {
        var settings = new TrainingSettings { LearningRate = 1 };
        double[] rates = [.. Enumerable.Range(0, 100).Select(step => settings.RateAt(step, 100))];
        rates.Max().ShouldBe(1, 1e-6);
        Array.IndexOf(rates, rates.Max()).ShouldBe(10);
        rates[0].ShouldBe(1 / 11.0, 1e-9);
        rates[99].ShouldBeLessThan(1e-3);
    }

    /// <summary>Two classes: bright on the left or on the right.</summary>
    private static LabelledImages Squares { get; } = MakeSquares(200);

    private static LabelledImages MakeSquares(int count)
    {
        var pixels = new byte[count * 64];
        var labels = new byte[count];
        for (int image = 0; image < count; image++)
        {
            // Up or down: mirroring in training must not change the class.
            labels[image] = (byte)(image % 2);
            for (int i = 0; i < 64; i++)
            {
                bool bright = i / 32 == labels[image];
                pixels[image * 64 + i] = (byte)((bright ? 150 : 20) + (image * 31 + i * 17) % 100);
            }
        }
        return new LabelledImages(pixels, labels, 8, 8);
    }

    private static VisionTransformer Create(string method, long seed)
    {
        manual_seed(seed);
        return new VisionTransformer(Small, method, 5);
    }

    private static double Train(VisionTransformer model, TrainingSettings settings, string checkpoint) =>
        new Trainer(model, settings).Run(Squares, Squares, checkpoint, null, TestContext.Current.CancellationToken);

    private static float[] Weights(VisionTransformer model) =>
        [.. model.NamedTensors().SelectMany(named => named.Value.detach().contiguous().view(-1).data<float>().ToArray())];

    private sealed class ImmediateProgress(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
