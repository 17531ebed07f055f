using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>Whether a family's model has a tensor.</summary>
internal enum Presence
{
    /// <summary>It has not; a file that has is of another variant and refused.</summary>
    Absent,

    /// <summary>It is used where the file has it.</summary>
    Optional,

    /// <summary>A file without it is refused.</summary>
    Required,
}

/// <summary>
/// What a family makes of a model's metadata: everything that <see cref="DecoderBuilder"/> needs to build the model from
/// its tensors. A family sets what differs from the plainest decoder: RMSNorm, separate projections without biases, SwiGLU.
/// </summary>
internal sealed record DecoderPlan
{
    /// <summary>Sizes; the vocabulary's is taken from the embedding's rows.</summary>
    public required ModelConfiguration Configuration { get; init; }

    /// <summary>ε of all norms.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Names of the tensors.</summary>
    public required TensorNames Names { get; init; }

    /// <summary>Rotary embedding of a layer; null: none.</summary>
    public required Func<int, RotaryPlan?> Rotary { get; init; }

    /// <summary>Window of a layer in keys; null: all keys.</summary>
    public Func<int, int?> Window { get; init; } = _ => null;

    /// <summary>Factor on a layer's dot products; null: 1/√d.</summary>
    public Func<int, float?> AttentionScale { get; init; } = _ => null;

    /// <summary>Nonlinearity of the feed-forward layers.</summary>
    public Activation Activation { get; init; } = Activation.Silu;

    /// <summary>Whether the feed-forward layer has a gate.</summary>
    public bool Gated { get; init; } = true;

    /// <summary>Whether gate and up are one tensor.</summary>
    public bool FusedGate { get; init; }

    /// <summary>Biases of queries, keys and values.</summary>
    public Presence ProjectionBias { get; init; }

    /// <summary>Bias of attention's output projection.</summary>
    public Presence OutputBias { get; init; }

    /// <summary>Biases of the feed-forward layer.</summary>
    public Presence FeedForwardBias { get; init; }

    /// <summary>Whether query and key heads are normed.</summary>
    public bool HeadNorms { get; init; }

    /// <summary>Whether the branches' outputs are normed before they are added.</summary>
    public bool BranchNorms { get; init; }

    /// <summary>Whether norms subtract the mean and have biases.</summary>
    public bool LayerNorms { get; init; }

    /// <summary>Added to the norms' weights: 1 where they are stored as their distance from 1.</summary>
    public float NormOffset { get; init; }

    /// <summary>Whether the file has its matrices as [inputs, outputs].</summary>
    public bool Transposed { get; init; }

    /// <summary>Whether positions have learned embeddings.</summary>
    public bool LearnedPositions { get; init; }

    /// <summary>Factor on tokens' embeddings; null: none.</summary>
    public float? EmbeddingScale { get; init; }

    /// <summary>Whether the head is the embedding; null: where the file has no head.</summary>
    public bool? TiedHead { get; init; }

    /// <summary>c of the logits' soft cap c · tanh(logit / c); null: none.</summary>
    public float? LogitCap { get; init; }

    /// <summary>Tensors that hold nothing of the model: buffers that old files carry along.</summary>
    public Func<string, bool> IsBuffer { get; init; } = _ => false;

    /// <summary>The plan of the plainest decoder with these metadata.</summary>
    /// <param name="metadata">The metadata.</param>
    /// <param name="pairing">Rotary order of the Hugging Face files.</param>
    /// <param name="tied">Whether the head is tied where a <c>config.json</c> does not say.</param>
    /// <exception cref="ModelFormatException">A value is missing, of the wrong type, or does not fit the others.</exception>
    public static DecoderPlan Read(ModelMetadata metadata, RotaryPairing pairing = RotaryPairing.Half, bool tied = false)
    {
        ModelConfiguration sizes = DecoderSizes.Read(metadata);
        RotaryPlan rotary = RotaryMetadata.Read(metadata, sizes.HeadDimension, sizes.TrainedContext, pairing);
        RequireActivation(metadata, "hidden_act", Activation.Silu);
        return new DecoderPlan
        {
            Configuration = sizes,
            NormEpsilon = ReadEpsilon(metadata, "attention.layer_norm_rms_epsilon", "rms_norm_eps"),
            Names = metadata.IsGguf ? TensorNames.Gguf : TensorNames.HuggingFace,
            Rotary = _ => rotary,
            TiedHead = metadata.IsGguf ? null : metadata.Flag(null, "tie_word_embeddings", tied),
            IsBuffer = name => name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal),
        };
    }

    /// <summary>What a switch of the configuration makes of a tensor.</summary>
    public static Presence Required(bool has) => has ? Presence.Required : Presence.Absent;

    /// <summary>ε of the norms.</summary>
    public static float ReadEpsilon(ModelMetadata metadata, string gguf, string config)
    {
        double epsilon = metadata.Number(gguf, config);
        return epsilon is >= 0 and < 1 ? (float)epsilon : throw metadata.Unsupported(metadata.NameOf(gguf, config), epsilon);
    }

    /// <summary>Refuses a configuration whose activation is not the family's; GGUF files do not name it.</summary>
    public static void RequireActivation(ModelMetadata metadata, string config, Activation wanted)
    {
        string name = metadata.Text(null, config, "");
        Activation? found = name switch
        {
            "" => wanted,
            "silu" or "swish" => Activation.Silu,
            "gelu" => Activation.Gelu,
            "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => Activation.GeluTanh,
            _ => null,
        };
        if (found != wanted)
        {
            throw metadata.Unsupported(config, name);
        }
    }
}
