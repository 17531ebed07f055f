using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Inference;

namespace Prescore.Models.Evaluation;

/// <summary>
/// Compares a model's outputs with reference values, for checking a new model file, architecture or attention method.
/// The reference is a safetensors file with <c>input_ids</c> [T] and any of these float arrays, each also with a leading
/// dimension of 1:
/// <list type="bullet">
/// <item><c>nll</c> [T − 1]: −ln p(id i + 1 | ids 0 … i) in nats; bound 1e-3;</item>
/// <item><c>logits</c> [R, vocabulary]: of all positions or the last R; bound 1e-4;</item>
/// <item><c>hidden</c> or <c>final_norm</c> [T, hidden]: after the final norm; bound 1e-5 times the reference's largest value;</item>
/// <item><c>hidden_states.i</c> [T, hidden]: input of the first layer for i = 0, else output of layer i, before the final
/// norm; same bound.</item>
/// </list>
/// </summary>
public sealed class ModelVerifier
{
    /// <summary>Largest difference of a negative log-likelihood at tolerance 1, in nats.</summary>
    public const double NllBound = 1e-3;

    /// <summary>Largest difference of a logit at tolerance 1.</summary>
    public const double LogitBound = 1e-4;

    /// <summary>Largest difference of a hidden state at tolerance 1, as a share of the reference's largest value.</summary>
    public const double RelativeHiddenBound = 1e-5;

    private const string ResidualPrefix = "hidden_states.";

    /// <summary>Rows whose logits are held at a time.</summary>
    private const int LogitRows = 64;

    private readonly CausalModel _model;
    private readonly IAttention _attention;
    private readonly AttentionOptions _options;
    private readonly double _tolerance;

    /// <summary>Prepares verifications.</summary>
    /// <param name="model">The model.</param>
    /// <param name="attention">The method that every layer uses.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    /// <param name="tolerance">Multiplies every bound; positive and finite.</param>
    public ModelVerifier(CausalModel model, IAttention attention, AttentionOptions options, double tolerance = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tolerance);
        ArgumentOutOfRangeException.ThrowIfEqual(double.IsFinite(tolerance), false, nameof(tolerance));
        _model = model;
        _attention = attention;
        _options = options;
        _tolerance = tolerance;
    }

    /// <summary>Runs the model on a file's <c>input_ids</c> and compares whatever else it holds.</summary>
    /// <param name="casesPath">A safetensors file.</param>
    /// <param name="progress">Told the fraction of the forward pass that is done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ModelFormatException">
    /// Not a valid file, no token ids or ids outside the vocabulary, arrays that do not fit, or nothing to compare.
    /// </exception>
    public VerificationResult Verify(string casesPath, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        using SafetensorsFile file = SafetensorsFile.Open(casesPath);
        int[] tokens = ReadTokens(file);
        List<ReferenceArray> references = OpenReferences(file, tokens.Length, out List<string> ignored);
        float[] hidden = Run(tokens, references, progress, cancellationToken);
        foreach (ReferenceArray reference in references)
        {
            switch (reference.Name)
            {
                case "nll":
                    CompareNll(reference, tokens, hidden, cancellationToken);
                    break;
                case "logits":
                    CompareLogits(reference, tokens.Length, hidden, cancellationToken);
                    break;
                case "hidden" or "final_norm":
                    reference.Compare(0, hidden);
                    break;
            }
        }
        return new VerificationResult([.. references.Select(reference => reference.Result())], ignored);
    }

    private int[] ReadTokens(SafetensorsFile file)
    {
        StoredTensor tensor = file.GetTensor("input_ids");
        bool oneSequence = tensor.Shape.Length == 1 || (tensor.Shape.Length == 2 && tensor.Shape[0] == 1);
        if (!oneSequence || tensor.Count == 0)
        {
            throw new ModelFormatException(file.Path, $"tensor {tensor} is not one sequence of tokens", "store it as [tokens]");
        }
        int[] tokens = file.ReadInt32s("input_ids");
        int vocabulary = _model.Configuration.VocabularySize;
        int wrong = Array.FindIndex(tokens, token => (uint)token >= (uint)vocabulary);
        return wrong < 0 ? tokens : throw new ModelFormatException(
            file.Path, $"input_ids[{wrong}] is {tokens[wrong]}, outside the model's vocabulary of {vocabulary}", "use cases made for this model");
    }

    private List<ReferenceArray> OpenReferences(SafetensorsFile file, int tokens, out List<string> ignored)
    {
        var references = new List<ReferenceArray>();
        ignored = [];
        foreach (StoredTensor tensor in file.Tensors.Where(tensor => tensor.Name != "input_ids"))
        {
            if (OpenReference(file, tensor.Name, tokens) is { } reference)
            {
                references.Add(reference);
            }
            else
            {
                ignored.Add(tensor.Name);
            }
        }
        return references.Count > 0 ? references : throw new ModelFormatException(
            file.Path, "there is nothing to compare", $"give it nll, logits, hidden, final_norm or {ResidualPrefix}0 and so on");
    }

    private ReferenceArray? OpenReference(SafetensorsFile file, string name, int tokens)
    {
        ModelConfiguration sizes = _model.Configuration;
        switch (name)
        {
            case "nll":
                return ReferenceArray.Open(file, name, tokens - 1, 1).Within(_tolerance * NllBound);
            case "logits":
                return ReferenceArray.Open(file, name, tokens, sizes.VocabularySize, allowFewer: true).Within(_tolerance * LogitBound);
            case "hidden" or "final_norm":
                return OpenHidden(file, name, tokens);
            default:
                return ResidualIndex(name) switch
                {
                    null => null,
                    int index when index <= sizes.Layers => OpenHidden(file, name, tokens),
                    _ => throw new ModelFormatException(file.Path, $"tensor '{name}' is beyond the model's {sizes.Layers} layers", "use cases made for this model"),
                };
        }
    }

    private ReferenceArray OpenHidden(SafetensorsFile file, string name, int tokens)
    {
        ReferenceArray reference = ReferenceArray.Open(file, name, tokens, _model.Configuration.HiddenSize);
        return reference.Within(_tolerance * RelativeHiddenBound * reference.Largest);
    }

    /// <summary>Hidden states after the final norm [tokens, hidden]; the residual stream is compared on the way.</summary>
    private float[] Run(int[] tokens, List<ReferenceArray> references, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        ILookup<int?, ReferenceArray> residuals = references.ToLookup(reference => ResidualIndex(reference.Name));
        var hidden = new float[checked(tokens.Length * _model.Configuration.HiddenSize)];
        using var session = new CausalSession(_model, _attention, _options);
        session.OnResidual = (index, stream, _) =>
        {
            foreach (ReferenceArray reference in residuals[index])
            {
                reference.Compare(0, stream);
            }
        };
        session.Append(tokens, hidden, progress, cancellationToken);
        return hidden;
    }

    private void CompareNll(ReferenceArray reference, int[] tokens, float[] hidden, CancellationToken cancellationToken)
    {
        var nll = new float[tokens.Length - 1];
        new TokenLikelihood(_model).NegativeLogLikelihood(hidden, tokens.AsSpan(1), nll, cancellationToken);
        reference.Compare(0, nll);
    }

    private void CompareLogits(ReferenceArray reference, int tokens, float[] hidden, CancellationToken cancellationToken)
    {
        int size = _model.Configuration.HiddenSize, vocabulary = _model.Configuration.VocabularySize;
        var logits = new float[Math.Min(LogitRows, reference.Rows) * vocabulary];
        for (int first = 0; first < reference.Rows; first += LogitRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(LogitRows, reference.Rows - first);
            ReadOnlySpan<float> states = hidden.AsSpan((tokens - reference.Rows + first) * size, rows * size);
            _model.Logits(states, rows, logits, _options.Threads);
            reference.Compare(first, logits.AsSpan(0, rows * vocabulary));
        }
    }

    /// <summary>i of <c>hidden_states.i</c>; null for any other name.</summary>
    private static int? ResidualIndex(string name) =>
        name.StartsWith(ResidualPrefix, StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(ResidualPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            ? index
            : null;
}
