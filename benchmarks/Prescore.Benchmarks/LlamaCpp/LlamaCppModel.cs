using System.Diagnostics;
using System.Runtime.InteropServices;
using LLama;
using LLama.Common;
using LLama.Native;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>llama.cpp's side, through LLamaSharp's CPU backend.</summary>
internal sealed class LlamaCppModel : IDisposable
{
    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;
    private readonly LLamaBatch _batch = new();
    private readonly int _batchTokens;

    public LlamaCppModel(LlamaCppSetting setting, int length, int threads)
    {
        _batchTokens = setting.Batch;
        var parameters = new ModelParams(setting.Path)
        {
            ContextSize = (uint)length,
            BatchSize = (uint)setting.Batch,
            UBatchSize = (uint)setting.Batch,
            Threads = threads,
            BatchThreads = threads,
            FlashAttention = setting.FlashAttention,
            GpuLayerCount = 0,
        };
        _weights = LLamaWeights.LoadFromFile(parameters);
        _context = _weights.CreateContext(parameters);
    }

    /// <summary>Keeps its log off the console. Call before anything else of it.</summary>
    public static void Quieten() => NativeLibraryConfig.All.WithLogCallback((_, _) => { });

    /// <summary>The instruction sets that the loaded native library was built for, in its own words, and the library's path.</summary>
    public static string SystemInformation()
    {
        string library = Process.GetCurrentProcess().Modules.Cast<ProcessModule>()
            .FirstOrDefault(module => module.ModuleName.Contains("ggml-cpu", StringComparison.Ordinal))?.FileName ?? "";
        return $"{Path.GetFileName(Path.GetDirectoryName(library))}/{Path.GetFileName(library)}, {Marshal.PtrToStringUTF8(NativeApi.llama_print_system_info())}";
    }

    public ModelRun Run(Prompt prompt)
    {
        _context.NativeHandle.MemoryClear();
        var logits = new List<float[]>();
        long began = Stopwatch.GetTimestamp();
        for (int first = 0; first < prompt.Tokens.Length; first += _batchTokens)
        {
            Decode(prompt.Tokens.AsSpan(first, Math.Min(_batchTokens, prompt.Tokens.Length - first)), first, prompt.Tokens.Length);
        }
        logits.Add(Logits());
        double prefill = Stopwatch.GetElapsedTime(began).TotalSeconds;
        began = Stopwatch.GetTimestamp();
        for (int i = 0; i < prompt.Following.Length; i++)
        {
            Decode(prompt.Following.AsSpan(i, 1), prompt.Tokens.Length + i, prompt.Tokens.Length + i + 1);
            logits.Add(Logits());
        }
        return new ModelRun(prefill, Stopwatch.GetElapsedTime(began).TotalSeconds, [.. logits]);
    }

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }

    private float[] Logits() => _context.NativeHandle.GetLogitsIth(_batch.TokenCount - 1).ToArray();

    /// <summary>Runs tokens at a position; logits are wanted of the one before <paramref name="end"/>.</summary>
    private void Decode(ReadOnlySpan<int> tokens, int position, int end)
    {
        _batch.Clear();
        for (int i = 0; i < tokens.Length; i++)
        {
            _batch.Add(tokens[i], position + i, LLamaSeqId.Zero, position + i + 1 == end);
        }
        DecodeResult result = _context.NativeHandle.Decode(_batch);
        if (result != DecodeResult.Ok)
        {
            throw new InvalidOperationException($"llama.cpp could not run {tokens.Length} tokens at {position}: {result}");
        }
    }
}
