namespace Prescore.Generation.Stopping;

/// <summary>Why a generation ended.</summary>
public enum StopReason
{
    /// <summary>The model ended the text or its turn.</summary>
    EndToken,

    /// <summary>A stop string came.</summary>
    StopString,

    /// <summary>As many tokens as were asked for.</summary>
    TokenLimit,

    /// <summary>The model's context is full.</summary>
    ContextLimit,

    /// <summary>It was cancelled; what was said until then is kept.</summary>
    Cancelled,
}
