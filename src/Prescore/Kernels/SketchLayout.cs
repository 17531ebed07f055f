namespace Prescore.Kernels;

/// <summary>How the sketches that a kernel screens lie in memory, and what their integer products mean.</summary>
internal static class SketchLayout
{
    /// <summary>Keys of a group: the 32-bit lanes of the widest vector.</summary>
    public const int GroupKeys = 16;

    /// <summary>Bytes of a quad of coordinates of a group: the widest vector.</summary>
    public const int QuadBytes = GroupKeys * 4;

    /// <summary>A least product that every key has, whatever its sketch; adding to it does not overflow.</summary>
    public const int AnyProduct = int.MinValue / 2;

    /// <summary>The smallest whole product of sketches that makes up for what a cluster's logit lacks.</summary>
    public static int LeastProduct(double missing, double perStep) =>
        (int)Math.Clamp(Math.Ceiling(missing * perStep), AnyProduct, int.MaxValue);
}
