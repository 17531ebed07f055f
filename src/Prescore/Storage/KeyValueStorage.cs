namespace Prescore.Storage;

/// <summary>How keys and values are stored.</summary>
public enum KeyValueStorage
{
    /// <summary>32-bit floats.</summary>
    Fp32,

    /// <summary>16-bit floats: half the memory and bandwidth, keys and values rounded to 11 bits.</summary>
    Fp16,
}
