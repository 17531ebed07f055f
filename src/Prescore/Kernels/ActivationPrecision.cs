namespace Prescore.Kernels;

/// <summary>What products with stored weights make of the activations that they multiply.</summary>
public enum ActivationPrecision
{
    /// <summary>Nothing: floats.</summary>
    Float,

    /// <summary>
    /// Signed bytes with a scale for every 32 values of a row (<see cref="Int8Activations"/>), where all of a matrix's weights
    /// are numbers of four bits with a scale for every 32 (<see cref="FourBitBlocks"/>); other matrices multiply floats.
    /// </summary>
    Int8,
}
