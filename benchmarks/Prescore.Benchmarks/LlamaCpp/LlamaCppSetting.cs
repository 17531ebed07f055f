using Prescore.Models.Formats.Gguf;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>A way to run llama.cpp.</summary>
internal sealed class LlamaCppSetting(string file, Func<string> path, bool flashAttention, int batch)
{
    public const string AsIs = "as is";

    private static readonly GgmlType[] FileTypes = [GgmlType.Q4_0, GgmlType.Q8_0, GgmlType.F16];

    /// <summary>"as is", or the type that the weights were rounded to.</summary>
    public string File { get; } = file;

    /// <summary>The file, made when it is first asked for.</summary>
    public string Path => path();

    /// <summary>Whether its fused attention is on.</summary>
    public bool FlashAttention { get; } = flashAttention;

    /// <summary>Tokens it takes at a time.</summary>
    public int Batch { get; } = batch;

    /// <summary>What reports call it.</summary>
    public string Name => $"{File}, flash {(FlashAttention ? "on" : "off")}, batch {Batch}";

    /// <summary>The file as it is and the types made from the same weights, each with flash attention on and off and two batch sizes.</summary>
    /// <param name="model">The file.</param>
    /// <param name="folder">Where copies go.</param>
    public static IEnumerable<LlamaCppSetting> All(GgufFile model, string folder)
    {
        foreach ((string file, Func<string> path) in FileTypes
            .Select(type => (type.ToString(), (Func<string>)(() => RetypedModel.Write(model, type, folder))))
            .Prepend((AsIs, () => model.Path)))
        {
            foreach (bool flash in new[] { true, false })
            {
                foreach (int batch in new[] { 2048, 512 })
                {
                    yield return new LlamaCppSetting(file, path, flash, batch);
                }
            }
        }
    }
}
