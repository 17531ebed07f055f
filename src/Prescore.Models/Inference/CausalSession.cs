using Prescore.Attention.Contracts;
using Prescore.Attention.Window;
using Prescore.Models.Families;
using Prescore.Models.Layers;

namespace Prescore.Models.Inference;

/// <summary>Sees a layer's queries [tokens, query heads, d], keys and values [tokens, key/value heads, d], RoPE applied.</summary>
public delegate void AttentionHook(int layer, ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens);

/// <summary>Sees the residual stream [tokens, hidden]: index 0 is the input of the first layer, index i the output of layer i.</summary>
public delegate void ResidualHook(int index, ReadOnlySpan<float> hidden, int tokens);

/// <summary>
/// One sequence in a model: its keys and values in every layer's cache. Tokens are appended in pieces of any size (a
/// prompt whole, or one token at a time) and taken back by <see cref="Rewind"/>. A call that is cancelled or fails leaves
/// the session as it was before. Not safe for concurrent use.
/// </summary>
public sealed class CausalSession : IDisposable
{
    /// <summary>Tokens that run through all layers at a time, where nobody looks at whole layers: activations need no more room.</summary>
    public const int PieceTokens = 2048;

    private readonly CausalModel _model;
    private readonly int _threads;
    private readonly IAttention _attention;
    private readonly IKeyValueCache[] _caches;
    private readonly List<int> _tokens = [];
    private readonly BlockWorkspace _workspace;
    private AttentionReport[] _reports;
    private float[] _hidden = [];
    private float[] _queries = [];
    private float[] _attended = [];
    private float[] _keys = [];
    private float[] _values = [];

    /// <summary>Starts an empty sequence.</summary>
    /// <param name="model">The model.</param>
    /// <param name="attention">The method of every layer that sees all keys; a layer with a window of its own has just that.</param>
    /// <param name="options">Threads, SIMD path, seed; the layer is set here.</param>
    public CausalSession(CausalModel model, IAttention attention, AttentionOptions options)
    {
        (_model, _attention, Options) = (model, attention, options);
        _threads = model.Options.Threads;
        _workspace = new BlockWorkspace(model.Widths);
        _caches = [.. model.Blocks.Select((block, layer) => MethodOf(block, attention).CreateCache(block.Shape, options with { Layer = layer }))];
        _reports = new AttentionReport[_caches.Length];
    }

    private CausalSession(CausalSession origin)
    {
        (_model, _attention, Options, _threads) = (origin._model, origin._attention, origin.Options, origin._threads);
        _tokens = [.. origin._tokens];
        _workspace = new BlockWorkspace(_model.Widths);
        _caches = [.. origin._caches.Select(cache => cache.Fork())];
        _reports = [.. origin._reports];
    }

    /// <summary>Number of tokens appended.</summary>
    public int Length => _tokens.Count;

    /// <summary>The tokens appended.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>The model.</summary>
    public CausalModel Model => _model;

    /// <summary>The method of the layers that see all keys.</summary>
    public IAttention Method => _attention;

    /// <summary>Threads, SIMD path and seed.</summary>
    public AttentionOptions Options { get; }

    /// <summary>Bytes of all caches.</summary>
    public long CacheBytes => _caches.Sum(cache => cache.Bytes);

    /// <summary>Bytes of the buffers kept between calls.</summary>
    public long ActivationBytes =>
        sizeof(float) * ((long)_hidden.Length + _queries.Length + _attended.Length + _keys.Length + _values.Length) + _workspace.Bytes;

    /// <summary>Attention's work by layer, over all calls so far.</summary>
    public IReadOnlyList<AttentionReport> AttentionByLayer => _reports;

    /// <summary>Attention's work over all layers and calls so far.</summary>
    public AttentionReport Attention => _reports.Aggregate((sum, next) => sum + next);

    /// <summary>
    /// What a method that measures its own error certified so far, one entry a query head of every layer, layer after
    /// layer; empty for other methods.
    /// </summary>
    public IReadOnlyList<HeadCertificate> Certificates => [.. _caches.OfType<ICertifiedCache>().SelectMany(cache => cache.Certificates())];

    /// <summary>Called before every layer's attention, with all tokens of a call; null: nobody looks.</summary>
    public AttentionHook? OnAttention { get; set; }

    /// <summary>Called before the first layer and after every layer, with all tokens of a call; null: nobody looks.</summary>
    public ResidualHook? OnResidual { get; set; }

    /// <summary>Runs tokens through the model.</summary>
    /// <param name="tokens">Token ids, at least one.</param>
    /// <param name="hidden">
    /// Receives hidden states after the final norm: of all tokens [tokens, hidden], of the last one where there is room
    /// for one row only, of none where it is empty.
    /// </param>
    /// <param name="progress">Told the fraction of the work that is done.</param>
    /// <param name="cancellationToken">Stops between chunks; the tokens of this call are then forgotten.</param>
    /// <exception cref="ContextLimitException">The sequence would be longer than the model's context.</exception>
    /// <exception cref="ArgumentException">No tokens, a token outside the vocabulary, or <paramref name="hidden"/> of another length.</exception>
    public void Append(ReadOnlySpan<int> tokens, Span<float> hidden, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        int size = _model.Configuration.HiddenSize;
        if (tokens.IsEmpty)
        {
            throw new ArgumentException("there are no tokens to append", nameof(tokens));
        }
        if (!hidden.IsEmpty && hidden.Length != size && hidden.Length != (long)tokens.Length * size)
        {
            throw new ArgumentException($"hidden states take {size} or {(long)tokens.Length * size} elements, not {hidden.Length}", nameof(hidden));
        }
        _model.RequireContext((int)Math.Min(int.MaxValue, (long)Length + tokens.Length));
        int before = Length;
        AttentionReport[] reports = [.. _reports];
        int piece = OnAttention is null && OnResidual is null ? Math.Min(PieceTokens, tokens.Length) : tokens.Length;
        try
        {
            for (int first = 0; first < tokens.Length; first += piece)
            {
                int count = Math.Min(piece, tokens.Length - first);
                AppendPiece(tokens.Slice(first, count), Part(progress, (double)first / tokens.Length, (double)count / tokens.Length), cancellationToken);
                WriteHidden(hidden, first, count, tokens.Length);
            }
        }
        catch
        {
            // Layers may hold different numbers of tokens.
            Rewind(before);
            _reports = reports;
            throw;
        }
    }

    /// <summary>Runs tokens through the model and predicts the one that follows.</summary>
    /// <param name="tokens">Token ids, at least one.</param>
    /// <param name="logits">Receives the logits of the next token [vocabulary].</param>
    /// <param name="progress">Told the fraction of the work that is done.</param>
    /// <param name="cancellationToken">Stops between chunks; the tokens of this call are then forgotten.</param>
    /// <exception cref="ContextLimitException">The sequence would be longer than the model's context.</exception>
    /// <exception cref="ArgumentException">No tokens, a token outside the vocabulary, or too few logits.</exception>
    public void Predict(ReadOnlySpan<int> tokens, Span<float> logits, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(logits.Length, _model.Configuration.VocabularySize, nameof(logits));
        var last = new float[_model.Configuration.HiddenSize];
        Append(tokens, last, progress, cancellationToken);
        _model.Logits(last, 1, logits);
    }

    /// <summary>Forgets every token from <paramref name="length"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 0 or more than there are.</exception>
    public void Rewind(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        foreach (IKeyValueCache cache in _caches)
        {
            if (cache.Length > length)
            {
                cache.Rewind(length);
            }
        }
        _tokens.RemoveRange(length, _tokens.Count - length);
    }

    /// <summary>
    /// A session with the same tokens that goes its own way: a prompt that several questions share runs through the model
    /// once. Each of the two is disposed of on its own; hooks are not taken along.
    /// </summary>
    public CausalSession Fork() => new(this);

    /// <summary>All layers' caches, for a file.</summary>
    /// <exception cref="SessionNotSavableException">The method's caches cannot be saved.</exception>
    internal ISavableCache[] SavableCaches() => _caches.All(cache => cache is ISavableCache)
        ? [.. _caches.Cast<ISavableCache>()]
        : throw new SessionNotSavableException(_attention.Spec);

    /// <summary>Notes the tokens that its caches were loaded with.</summary>
    internal void Restore(ReadOnlySpan<int> tokens) => _tokens.AddRange(tokens);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IKeyValueCache cache in _caches)
        {
            cache.Dispose();
        }
    }

    private static IAttention MethodOf(TransformerBlock block, IAttention attention) =>
        block.Window is int window ? new WindowAttention(window, sinks: 0) : attention;

    private void AppendPiece(ReadOnlySpan<int> tokens, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        int size = _model.Configuration.HiddenSize;
        Reserve(tokens.Length);
        _model.Embed(tokens, Length, _hidden);
        OnResidual?.Invoke(0, _hidden.AsSpan(0, tokens.Length * size), tokens.Length);
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            RunLayer(layer, tokens.Length, cancellationToken);
            OnResidual?.Invoke(layer + 1, _hidden.AsSpan(0, tokens.Length * size), tokens.Length);
            progress?.Report((layer + 1.0) / _caches.Length);
        }
        _tokens.AddRange(tokens);
    }

    /// <summary>Final norms of a piece's tokens [first, first + count) of all, as far as they are wanted.</summary>
    private void WriteHidden(Span<float> hidden, int first, int count, int all)
    {
        int size = _model.Configuration.HiddenSize;
        int skipped = all - hidden.Length / size;
        for (int token = Math.Max(first, skipped); token < first + count; token++)
        {
            _model.FinalNorm(_hidden.AsSpan((token - first) * size, size), hidden.Slice((token - skipped) * size, size));
        }
    }

    private void RunLayer(int layer, int tokens, CancellationToken cancellationToken)
    {
        TransformerBlock block = _model.Blocks[layer];
        CacheShape shape = block.Shape;
        int hidden = block.HiddenSize, queryWidth = shape.QueryHeads * shape.HeadDimension, outputWidth = shape.QueryHeads * shape.ValueDimension;
        int keyWidth = shape.KeyValueHeads * shape.HeadDimension, valueWidth = shape.KeyValueHeads * shape.ValueDimension;
        for (int first = 0; first < tokens; first += BlockWorkspace.MaxChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(BlockWorkspace.MaxChunkRows, tokens - first);
            block.Project(
                _hidden.AsMemory(first * hidden), rows, Length + first,
                _queries.AsMemory(first * queryWidth), _keys.AsMemory(first * keyWidth), _values.AsMemory(first * valueWidth), _workspace, _threads);
        }
        Span<float> queries = _queries.AsSpan(0, tokens * queryWidth), keys = _keys.AsSpan(0, tokens * keyWidth), values = _values.AsSpan(0, tokens * valueWidth);
        OnAttention?.Invoke(layer, queries, keys, values, tokens);
        AttentionReport report = _caches[layer].AppendAndAttend(tokens, queries, keys, values, _attended.AsSpan(0, tokens * outputWidth), cancellationToken);
        // What exact attention would compute in a layer with a window is that window.
        _reports[layer] += block.Window is null ? report : report with { ExactInteractions = report.Interactions };
        for (int first = 0; first < tokens; first += BlockWorkspace.MaxChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(BlockWorkspace.MaxChunkRows, tokens - first);
            block.Finish(_attended.AsMemory(first * outputWidth), _hidden.AsMemory(first * hidden), rows, _workspace, _threads);
        }
    }

    private void Reserve(int tokens)
    {
        _workspace.Reserve(tokens);
        Grow(ref _hidden, (long)tokens * _model.Configuration.HiddenSize);
        Grow(ref _queries, tokens * _model.Blocks.Max(block => (long)block.Shape.QueryHeads * block.Shape.HeadDimension));
        Grow(ref _attended, tokens * _model.Blocks.Max(block => (long)block.Shape.QueryHeads * block.Shape.ValueDimension));
        Grow(ref _keys, tokens * _model.Blocks.Max(block => (long)block.Shape.KeyValueHeads * block.Shape.HeadDimension));
        Grow(ref _values, tokens * _model.Blocks.Max(block => (long)block.Shape.KeyValueHeads * block.Shape.ValueDimension));
    }

    private static void Grow(ref float[] buffer, long length)
    {
        if (buffer.Length < length)
        {
            buffer = GC.AllocateUninitializedArray<float>(checked((int)length));
        }
    }

    private static PieceProgress? Part(IProgress<double>? whole, double first, double share) =>
        whole is null ? null : new PieceProgress(whole, first, share);

    private sealed class PieceProgress(IProgress<double> whole, double first, double share) : IProgress<double>
    {
        public void Report(double value) => whole.Report(first + share * value);
    }
}
