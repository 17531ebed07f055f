using Prescore.Attention.Contracts;
using Prescore.Models.Families;

namespace Prescore.Models.Inference;

/// <summary>Sees a layer's queries [tokens, query heads, d], keys and values [tokens, key/value heads, d], RoPE applied.</summary>
public delegate void AttentionHook(int layer, ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens);

/// <summary>Sees the residual stream [tokens, hidden]: index 0 is the input of the first layer, index i the output of layer i.</summary>
public delegate void ResidualHook(int index, ReadOnlySpan<float> hidden, int tokens);

/// <summary>
/// One sequence in a model: its keys and values in every layer's cache. Tokens are appended in pieces of any size (a
/// prompt whole, or one token at a time) and taken back by <see cref="Rewind"/>. Not safe for concurrent use.
/// </summary>
public sealed class CausalSession : IDisposable
{
    private readonly CausalModel _model;
    private readonly IKeyValueCache[] _caches;
    private readonly AttentionReport[] _reports;
    private readonly LayerWorkspace _workspace;
    private float[] _hidden = [];
    private float[] _queries = [];
    private float[] _attended = [];
    private float[] _keys = [];
    private float[] _values = [];
    private bool _interrupted;

    /// <summary>Starts an empty sequence.</summary>
    /// <param name="model">The model.</param>
    /// <param name="attention">The method that every layer uses.</param>
    /// <param name="options">Threads, SIMD path, seed; the layer is set here.</param>
    public CausalSession(CausalModel model, IAttention attention, AttentionOptions options)
    {
        _model = model;
        _workspace = new LayerWorkspace(model.Configuration);
        _caches = [.. Enumerable.Range(0, model.Configuration.Layers).Select(layer => attention.CreateCache(model.AttentionShape, options with { Layer = layer }))];
        _reports = new AttentionReport[_caches.Length];
    }

    /// <summary>Number of tokens appended.</summary>
    public int Length { get; private set; }

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

    /// <summary>Called before every layer's attention; null: nobody looks.</summary>
    public AttentionHook? OnAttention { get; set; }

    /// <summary>Called before the first layer and after every layer; null: nobody looks.</summary>
    public ResidualHook? OnResidual { get; set; }

    /// <summary>Runs tokens through the model.</summary>
    /// <param name="tokens">Token ids, at least one.</param>
    /// <param name="hidden">
    /// Receives hidden states after the final norm: of all tokens [tokens, hidden], of the last one where there is room
    /// for one row only, of none where it is empty.
    /// </param>
    /// <param name="progress">Told the fraction of layers done.</param>
    /// <param name="cancellationToken">Stops between chunks; the session must be disposed of afterwards.</param>
    /// <exception cref="ContextLimitException">The sequence would be longer than the model's context.</exception>
    /// <exception cref="InvalidOperationException">An earlier call was interrupted.</exception>
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
        if (_interrupted)
        {
            throw new InvalidOperationException("an earlier call on this session was interrupted: start a new one");
        }
        _model.RequireContext((int)Math.Min(int.MaxValue, (long)Length + tokens.Length));
        Reserve(tokens.Length);
        _model.Embed(tokens, _hidden);
        // From here on layers may hold different numbers of tokens, should the work stop.
        _interrupted = true;
        OnResidual?.Invoke(0, _hidden.AsSpan(0, tokens.Length * size), tokens.Length);
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            RunLayer(layer, tokens.Length, cancellationToken);
            OnResidual?.Invoke(layer + 1, _hidden.AsSpan(0, tokens.Length * size), tokens.Length);
            progress?.Report((layer + 1.0) / _caches.Length);
        }
        Length += tokens.Length;
        _interrupted = false;
        int rows = hidden.Length / size;
        for (int row = 0; row < rows; row++)
        {
            _model.FinalNorm(_hidden.AsSpan((tokens.Length - rows + row) * size, size), hidden.Slice(row * size, size));
        }
    }

    /// <summary>Forgets every token from <paramref name="length"/> on.</summary>
    public void Rewind(int length)
    {
        foreach (IKeyValueCache cache in _caches)
        {
            cache.Rewind(length);
        }
        Length = length;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IKeyValueCache cache in _caches)
        {
            cache.Dispose();
        }
    }

    private void RunLayer(int layer, int tokens, CancellationToken cancellationToken)
    {
        ModelConfiguration sizes = _model.Configuration;
        int hidden = sizes.HiddenSize, queryWidth = sizes.QueryHeads * sizes.HeadDimension, keyWidth = sizes.KeyValueHeads * sizes.HeadDimension;
        for (int first = 0; first < tokens; first += LayerWorkspace.MaxChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(LayerWorkspace.MaxChunkRows, tokens - first);
            _model.ProjectAttention(
                layer, _hidden.AsMemory(first * hidden), rows, Length + first,
                _queries.AsMemory(first * queryWidth), _keys.AsMemory(first * keyWidth), _values.AsMemory(first * keyWidth), _workspace);
        }
        Span<float> queries = _queries.AsSpan(0, tokens * queryWidth), keys = _keys.AsSpan(0, tokens * keyWidth), values = _values.AsSpan(0, tokens * keyWidth);
        OnAttention?.Invoke(layer, queries, keys, values, tokens);
        _reports[layer] += _caches[layer].AppendAndAttend(tokens, queries, keys, values, _attended.AsSpan(0, tokens * queryWidth), cancellationToken);
        for (int first = 0; first < tokens; first += LayerWorkspace.MaxChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(LayerWorkspace.MaxChunkRows, tokens - first);
            _model.FinishLayer(layer, _attended.AsMemory(first * queryWidth), _hidden.AsMemory(first * hidden), rows, _workspace);
        }
    }

    private void Reserve(int tokens)
    {
        ModelConfiguration sizes = _model.Configuration;
        _workspace.Reserve(tokens);
        Grow(ref _hidden, (long)tokens * sizes.HiddenSize);
        Grow(ref _queries, (long)tokens * sizes.QueryHeads * sizes.HeadDimension);
        Grow(ref _attended, (long)tokens * sizes.QueryHeads * sizes.HeadDimension);
        Grow(ref _keys, (long)tokens * sizes.KeyValueHeads * sizes.HeadDimension);
        Grow(ref _values, (long)tokens * sizes.KeyValueHeads * sizes.HeadDimension);
    }

    private static void Grow(ref float[] buffer, long length)
    {
        if (buffer.Length < length)
        {
            buffer = GC.AllocateUninitializedArray<float>(checked((int)length));
        }
    }
}
