namespace Prescore.Tests.Attention.Oracles;

/// <summary>The keys of a window, asked key by key.</summary>
internal static class WindowOracle
{
    public static IEnumerable<(int Key, double Bias)> Keys(AttentionTensors tensors, int query, long window)
    {
        int t = tensors.Shape.FirstQueryPosition + query;
        for (int key = 0; key < tensors.Shape.Keys; key++)
        {
            bool recent = key > t - window && key < t + (tensors.Causal ? 1 : window);
            bool sink = key < 4 && (!tensors.Causal || key <= t);
            if (window > 0 && recent || sink)
            {
                yield return (key, 0);
            }
        }
    }
}
