using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Images;
using Prescore.Models.Inference;

namespace Prescore.Models.Evaluation;

/// <summary>
/// Compares a vision model's outputs with reference values. The reference is a safetensors file with <c>pixel_values</c>
/// [images, channels, height, width], or <c>pixels</c> [height, width, 3] of bytes that the model's own normalisation is
/// applied to, and any of these float arrays, of n images and t tokens:
/// <list type="bullet">
/// <item><c>logits</c> [n, classes]; bound 1e-4;</item>
/// <item><c>hidden_states.i</c> and <c>final_norm</c> [n, t, hidden]; bound 1e-5 times the reference's largest value;</item>
/// <item>of one image: <c>hidden_cls</c> [layers + 1, hidden] (CLS before layer 0 and after each layer), <c>cls</c> and
/// <c>patch_mean</c> [hidden], <c>embedding_patches</c> and <c>patches</c> [m, hidden] (first layer's input and final norm of
/// the tokens that <c>patch_index</c> [m] lists); bound 1e-3.</item>
/// </list>
/// </summary>
/// <param name="model">The model.</param>
/// <param name="attention">The method that every layer uses.</param>
/// <param name="options">Threads, SIMD path, seed.</param>
/// <param name="tolerance">Multiplies every bound; positive and finite.</param>
public sealed class VisionVerifier(VisionModel model, IAttention attention, AttentionOptions options, double tolerance = 1)
{
    private const double LogitBound = 1e-4;
    private const double RelativeHiddenBound = 1e-5;
    private const double FeatureBound = 1e-3;
    private const string Residual = "hidden_states.";
    private const string PatchIndex = "patch_index";

    /// <summary>Runs the model on a file's images and compares whatever else it holds.</summary>
    /// <exception cref="ModelFormatException">Not a valid file, no images that the model takes, arrays that do not fit, or nothing to compare.</exception>
    public VerificationResult Verify(string casesPath, CancellationToken cancellationToken = default)
    {
        using SafetensorsFile file = SafetensorsFile.Open(casesPath);
        PixelValues[] images = ReadImages(file);
        var actual = new Dictionary<string, List<float>>();
        int[] listed = file.HasTensor(PatchIndex) ? file.ReadInt32s(PatchIndex) : [];
        foreach (PixelValues image in images)
        {
            Run(file, image, listed, actual, cancellationToken);
        }
        var arrays = new List<ArrayComparison>();
        var ignored = new List<string>();
        foreach (StoredTensor tensor in file.Tensors.Where(tensor => tensor.Name is not ("pixel_values" or "pixels" or PatchIndex)))
        {
            if (actual.TryGetValue(tensor.Name, out List<float>? values))
            {
                arrays.Add(Compare(file, tensor, [.. values]));
            }
            else
            {
                ignored.Add(tensor.Name);
            }
        }
        return arrays.Count > 0
            ? new VerificationResult(arrays, ignored)
            : throw new ModelFormatException(file.Path, "there is nothing to compare", "give it logits, final_norm, cls, hidden_states.0 and so on");
    }

    private PixelValues[] ReadImages(SafetensorsFile file)
    {
        VisionConfiguration sizes = model.Configuration;
        StoredTensor tensor = file.GetTensor(file.HasTensor("pixel_values") ? "pixel_values" : "pixels");
        long[] shape = tensor.Shape.ToArray();
        bool normalised = tensor.Name == "pixel_values";
        (long height, long width) = normalised && shape.Length == 4 ? (shape[2], shape[3]) : shape.Length == 3 ? (shape[0], shape[1]) : (0, 0);
        bool fits = height >= sizes.PatchSize && width >= sizes.PatchSize && height * width <= ImageFile.MostPixels
            && (normalised ? shape.Length == 4 && shape[0] is >= 1 and <= 4096 && shape[1] == sizes.Channels : shape[2] == 3);
        if (!fits)
        {
            throw new ModelFormatException(
                file.Path, $"tensor {tensor} is no image for this model", $"store pixel_values as [images, {sizes.Channels}, height, width] or pixels as [height, width, 3]");
        }
        if (!normalised)
        {
            byte[] pixels = [.. file.ReadInt32s("pixels").Select(value => (byte)value)];
            return [model.Preprocessing.Normalise(new RgbImage((int)width, (int)height, pixels))];
        }
        float[] all = file.ReadFloats("pixel_values");
        if (!all.All(float.IsFinite))
        {
            throw new ModelFormatException(file.Path, "pixel_values hold a value that is not finite", "make the reference anew");
        }
        int each = all.Length / (int)shape[0];
        return [.. all.Chunk(each).Select(values => new PixelValues(values, sizes.Channels, (int)height, (int)width))];
    }

    private void Run(SafetensorsFile file, PixelValues image, int[] listed, Dictionary<string, List<float>> actual, CancellationToken cancellationToken)
    {
        int size = model.Configuration.HiddenSize, tokens = model.Embedding.Tokens(image.Height, image.Width);
        if (listed.Any(token => (uint)token >= (uint)tokens))
        {
            throw new ModelFormatException(file.Path, $"{PatchIndex} names a token beyond the image's {tokens}", "use cases made for this model");
        }

        void Add(string name, ReadOnlySpan<float> values)
        {
            if (file.HasTensor(name))
            {
                if (!actual.TryGetValue(name, out List<float>? list))
                {
                    actual.Add(name, list = []);
                }
                list.AddRange(values);
            }
        }

        void AddListed(string name, ReadOnlySpan<float> rows)
        {
            foreach (int token in listed)
            {
                Add(name, rows.Slice(token * size, size));
            }
        }

        var session = new VisionSession(model, attention, options)
        {
            OnResidual = (index, hidden) =>
            {
                Add(Residual + index.ToString(CultureInfo.InvariantCulture), hidden);
                Add("hidden_cls", hidden[..size]);
                if (index == 0)
                {
                    AddListed("embedding_patches", hidden);
                }
            },
        };
        VisionFeatures features = session.Run(image, cancellationToken);
        Add("final_norm", features.Tokens);
        Add("cls", features.Cls);
        Add("patch_mean", features.PatchMean());
        AddListed("patches", features.Tokens);
        if (model.Classes > 0)
        {
            Add("logits", model.Classify(features));
        }
    }

    private ArrayComparison Compare(SafetensorsFile file, StoredTensor tensor, float[] actual)
    {
        float[] expected = file.ReadFloats(tensor.Name);
        if (expected.Length != actual.Length)
        {
            throw new ModelFormatException(
                file.Path, $"tensor {tensor} has {expected.Length} values where the model gives {actual.Length}", "use cases made for this model");
        }
        if (!expected.All(float.IsFinite))
        {
            throw new ModelFormatException(file.Path, $"tensor '{tensor.Name}' holds a value that is not finite", "make the reference anew");
        }
        double bound = tolerance * (tensor.Name switch
        {
            "logits" => LogitBound,
            "final_norm" => RelativeHiddenBound * expected.Max(Math.Abs),
            _ when tensor.Name.StartsWith(Residual, StringComparison.Ordinal) => RelativeHiddenBound * expected.Max(Math.Abs),
            _ => FeatureBound,
        });
        double largest = 0, sum = 0;
        string? mismatch = null;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)actual[i] - expected[i]);
            difference = double.IsNaN(difference) ? double.PositiveInfinity : difference;
            largest = Math.Max(largest, difference);
            sum += difference;
            if (difference > bound)
            {
                mismatch ??= string.Create(CultureInfo.InvariantCulture, $"[{i}]: {actual[i]} instead of {expected[i]}");
            }
        }
        return new ArrayComparison(tensor.Name, expected.Length, largest, sum / Math.Max(1, expected.Length), bound, mismatch);
    }
}
