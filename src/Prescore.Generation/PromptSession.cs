using System.Runtime.InteropServices;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Inference;

namespace Prescore.Generation;

/// <summary>
/// A sequence that many prompts share: what a prompt has in common with the tokens that are there already is not
/// computed again. Belongs to one thread.
/// </summary>
public sealed class PromptSession : IDisposable
{
    private readonly CausalModel _model;
    private readonly IAttention _attention;
    private readonly AttentionOptions _options;
    private readonly float[] _hidden;
    private readonly float[] _logits;
    private readonly List<int> _tokens = [];
    private CausalSession _session;

    /// <summary>Starts with an empty sequence.</summary>
    /// <param name="model">The model.</param>
    /// <param name="attention">The method that every layer uses.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    public PromptSession(CausalModel model, IAttention attention, AttentionOptions options)
    {
        (_model, _attention, _options) = (model, attention, options);
        _session = new CausalSession(model, attention, options);
        _hidden = new float[model.Configuration.HiddenSize];
        _logits = new float[model.Configuration.VocabularySize];
    }

    /// <summary>Tokens of the sequence.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Most tokens that it can hold.</summary>
    public int ContextLimit => _model.ContextLimit;

    /// <summary>Bytes of keys and values.</summary>
    public long CacheBytes => _session.CacheBytes;

    /// <summary>The sequence in the model.</summary>
    internal CausalSession Inner => _session;

    /// <summary>Attention's work so far.</summary>
    public AttentionReport Attention => _session.Attention;

    /// <summary>Makes the sequence one of some tokens; their common beginning with it is kept.</summary>
    /// <param name="tokens">The tokens, at least one.</param>
    /// <param name="progress">Told the fraction that is done.</param>
    /// <param name="cancellationToken">Stops the work; the sequence is empty afterwards.</param>
    /// <returns>How many tokens were kept.</returns>
    /// <exception cref="ContextLimitException">The tokens are more than the model can take.</exception>
    public int Set(ReadOnlySpan<int> tokens, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        _model.RequireContext(tokens.Length);
        // The last token is computed again, for its logits are wanted.
        int kept = Math.Min(CollectionsMarshal.AsSpan(_tokens).CommonPrefixLength(tokens), tokens.Length - 1);
        Rewind(kept);
        try
        {
            _session.Append(tokens[kept..], _hidden, progress, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Reset();
            throw;
        }
        _tokens.AddRange(tokens[kept..]);
        return kept;
    }

    /// <summary>Adds one token.</summary>
    /// <exception cref="ContextLimitException">The sequence is full.</exception>
    public void Append(int token)
    {
        _session.Append([token], _hidden);
        _tokens.Add(token);
    }

    /// <summary>Forgets every token from a length on.</summary>
    public void Rewind(int length)
    {
        if (length < _tokens.Count)
        {
            _session.Rewind(length);
            _tokens.RemoveRange(length, _tokens.Count - length);
        }
    }

    /// <summary>Logits [vocabulary] of the token after the last; valid until the next call, and to be overwritten freely.</summary>
    /// <exception cref="InvalidOperationException">The sequence was rewound or is empty.</exception>
    public Span<float> NextLogits()
    {
        _model.Logits(_hidden, 1, _logits, _options.Threads);
        return _logits;
    }

    /// <summary>Takes up tokens from a file; what there was is forgotten. Where that fails, it stays.</summary>
    /// <exception cref="ModelFormatException">The file is damaged, or was made with something else or of other tokens.</exception>
    internal void Load(string path, ReadOnlySpan<int> tokens)
    {
        CausalSession read = SessionFile.Load(path, _model, _attention, _options);
        if (!read.Tokens.ToArray().AsSpan().SequenceEqual(tokens))
        {
            read.Dispose();
            throw new ModelFormatException(path, "the session is of another text", "compute it anew");
        }
        _session.Dispose();
        _session = read;
        _tokens.Clear();
        _tokens.AddRange(tokens);
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private void Reset()
    {
        _session.Dispose();
        _session = new CausalSession(_model, _attention, _options);
        _tokens.Clear();
    }
}
