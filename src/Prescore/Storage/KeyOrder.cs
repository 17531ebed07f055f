namespace Prescore.Storage;

/// <summary>How the keys of a region lie in memory.</summary>
internal enum KeyOrder
{
    /// <summary>Panels [d, panel width]: what register tiles read as they lie.</summary>
    Panels,

    /// <summary>One key after the other: single keys are read at once, tiles pack them first.</summary>
    Rows,
}
