namespace Prescore.Models.Layers;

/// <summary>Which elements of a head turn together.</summary>
public enum RotaryPairing
{
    /// <summary>2j and 2j + 1: the order of GLM, and of llama.cpp's permuted Llama weights.</summary>
    Interleaved,

    /// <summary>j and j + r/2 of the r rotated elements: the order of Hugging Face's Llama, Qwen and Gemma.</summary>
    Half,
}
