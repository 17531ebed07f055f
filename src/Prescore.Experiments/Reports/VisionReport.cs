namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore study vision</c>.</summary>
public sealed record VisionReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    /// <summary>The linear probe; null: the model's own classifier.</summary>
    public required FileIdentity? Probe { get; init; }

    /// <summary>Number of test images of Fashion-MNIST, the first ones.</summary>
    public required int Images { get; init; }

    /// <summary>Tokens of an image.</summary>
    public required int Tokens { get; init; }

    public required double ExactAccuracy { get; init; }

    public IReadOnlyList<VisionRow> Rows { get; init; } = [];

    public IReadOnlyList<KeyDiagnosisRow> Diagnosis { get; init; } = [];
}

/// <summary>One form at one number of keys with one seed.</summary>
public sealed record VisionRow
{
    public required string Form { get; init; }

    /// <summary>Keys a query may compute, CLS among them.</summary>
    public required int Keys { get; init; }

    public required ulong Seed { get; init; }

    public required string Method { get; init; }

    public required double Accuracy { get; init; }

    /// <summary>Accuracy less exact's on the same images.</summary>
    public required double Difference { get; init; }

    /// <summary>Standard error of the paired difference over images.</summary>
    public required double DifferenceError { get; init; }

    /// <summary>Share of the images with the same class as exact attention gives.</summary>
    public required double Agreement { get; init; }

    /// <summary>Relative error of (CLS, mean of the patches) over all images.</summary>
    public required double FeatureError { get; init; }

    /// <summary>Interactions ÷ exact's.</summary>
    public required double Budget { get; init; }
}

/// <summary>What a scorer keeps of exact attention, over all layers and heads of a few images.</summary>
public sealed record KeyDiagnosisRow
{
    public required string Scorer { get; init; }

    public required int Keys { get; init; }

    /// <summary>Share of layers' heads in which CLS is kept.</summary>
    public required double ClsKept { get; init; }

    /// <summary>Share of CLS's attention that is on kept keys.</summary>
    public required double ClsMass { get; init; }

    /// <summary>Share of the patches' attention that is on kept keys.</summary>
    public required double PatchMass { get; init; }

    /// <summary>The same of the mass that is not on CLS: what is left of the patches.</summary>
    public required double PatchMassOnPatches { get; init; }

    /// <summary>Relative error of attention's outputs with the kept keys alone.</summary>
    public required double OutputError { get; init; }

    /// <summary>The same with CLS kept in any case.</summary>
    public required double OutputErrorWithCls { get; init; }
}
