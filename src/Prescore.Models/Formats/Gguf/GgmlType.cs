namespace Prescore.Models.Formats.Gguf;

#pragma warning disable CA1707 // the names are ggml's own, underscores and all

/// <summary>Storage type of a tensor, by ggml's number.</summary>
public enum GgmlType
{
    /// <summary>32-bit IEEE floats.</summary>
    F32 = 0,

    /// <summary>16-bit IEEE floats.</summary>
    F16 = 1,

    /// <summary>Blocks of 32 four-bit values with a scale.</summary>
    Q4_0 = 2,

    /// <summary>Blocks of 32 four-bit values with a scale and a minimum.</summary>
    Q4_1 = 3,

    /// <summary>Blocks of 32 five-bit values with a scale.</summary>
    Q5_0 = 6,

    /// <summary>Blocks of 32 five-bit values with a scale and a minimum.</summary>
    Q5_1 = 7,

    /// <summary>Blocks of 32 eight-bit values with a scale.</summary>
    Q8_0 = 8,

    /// <summary>Blocks of 32 eight-bit values with a scale and a sum (activations only).</summary>
    Q8_1 = 9,

    /// <summary>Super-blocks of 256 two-bit values.</summary>
    Q2_K = 10,

    /// <summary>Super-blocks of 256 three-bit values.</summary>
    Q3_K = 11,

    /// <summary>Super-blocks of 256 four-bit values.</summary>
    Q4_K = 12,

    /// <summary>Super-blocks of 256 five-bit values.</summary>
    Q5_K = 13,

    /// <summary>Super-blocks of 256 six-bit values.</summary>
    Q6_K = 14,

    /// <summary>Super-blocks of 256 eight-bit values (activations only).</summary>
    Q8_K = 15,

    /// <summary>Codebook blocks of 2.06 bits a value.</summary>
    IQ2_XXS = 16,

    /// <summary>Codebook blocks of 2.31 bits a value.</summary>
    IQ2_XS = 17,

    /// <summary>Codebook blocks of 3.06 bits a value.</summary>
    IQ3_XXS = 18,

    /// <summary>Codebook blocks of 1.56 bits a value.</summary>
    IQ1_S = 19,

    /// <summary>Blocks of 32 four-bit values on a nonlinear grid.</summary>
    IQ4_NL = 20,

    /// <summary>Codebook blocks of 3.44 bits a value.</summary>
    IQ3_S = 21,

    /// <summary>Codebook blocks of 2.56 bits a value.</summary>
    IQ2_S = 22,

    /// <summary>Super-blocks of 256 four-bit values on a nonlinear grid.</summary>
    IQ4_XS = 23,

    /// <summary>8-bit integers.</summary>
    I8 = 24,

    /// <summary>16-bit integers.</summary>
    I16 = 25,

    /// <summary>32-bit integers.</summary>
    I32 = 26,

    /// <summary>64-bit integers.</summary>
    I64 = 27,

    /// <summary>64-bit IEEE floats.</summary>
    F64 = 28,

    /// <summary>Codebook blocks of 1.75 bits a value.</summary>
    IQ1_M = 29,

    /// <summary>The upper 16 bits of 32-bit floats.</summary>
    BF16 = 30,

    /// <summary>Ternary super-blocks of 1.69 bits a value.</summary>
    TQ1_0 = 34,

    /// <summary>Ternary super-blocks of 2.06 bits a value.</summary>
    TQ2_0 = 35,

    /// <summary>OCP microscaling blocks of 32 four-bit floats.</summary>
    MXFP4 = 39,

    /// <summary>Blocks of 64 four-bit floats with 8-bit float scales.</summary>
    NVFP4 = 40,
}
