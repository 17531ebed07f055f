using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Experiments.Decode;

/// <summary>
/// Times a model's next tokens, one at a time, after contexts of some lengths: what generation costs by method. A text's own
/// tokens are fed, so all methods do the same work. Each row stands beside the time that reading the weights and the cache
/// once takes on the same threads, measured in the same run.
/// </summary>
public sealed class DecodeBenchmark : IDisposable
{
    /// <summary>Tokens decoded a row: a whole block of queries, so that what a method does once a block is in.</summary>
    public const int DefaultTokens = 256;

    private readonly string _modelPath;
    private readonly TextInput _text;
    private readonly int[] _lengths;
    private readonly int _count;
    private readonly AttentionOptions _options;
    private readonly CausalModel _model;
    private readonly int[] _tokens;

    /// <summary>Reads model and text.</summary>
    /// <param name="modelPath">Model file or folder.</param>
    /// <param name="text">The text.</param>
    /// <param name="lengths">Lengths of the contexts, rising.</param>
    /// <param name="count">Tokens to decode after each, at least 1.</param>
    /// <param name="options">Threads, SIMD path and seed.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <exception cref="BadInputException">Text or model are too short for the lengths.</exception>
    /// <exception cref="ModelFormatException">The model cannot be used.</exception>
    public DecodeBenchmark(
        string modelPath, TextInput text, int[] lengths, int count, AttentionOptions options, CancellationToken cancellationToken = default)
    {
        (_modelPath, _text, _lengths, _count, _options) = (modelPath, text, lengths, count, options);
        long needed = (long)lengths[^1] + count;
        _tokens = TokenPrefix.Read(ModelTokenizer.Load(modelPath).Tokenizer, text, (int)Math.Min(needed, Array.MaxLength));
        if (_tokens.Length < needed)
        {
            throw new BadInputException($"{text.Name} has {_tokens.Length} tokens, too few for {lengths[^1]} and {count} more; use a longer text or smaller --lengths");
        }
        _model = CausalModel.Load(modelPath, new ModelOptions { Threads = options.Threads, Simd = options.Simd }, cancellationToken);
        if (needed > _model.ContextLimit)
        {
            int limit = _model.ContextLimit;
            _model.Dispose();
            throw new BadInputException($"{lengths[^1]} tokens and {count} more are beyond the {limit} that {Path.GetFileName(modelPath)} can take; use smaller --lengths");
        }
    }

    /// <summary>Runs every method at every length; rows come one by one, so that an interrupted run has some.</summary>
    /// <exception cref="BudgetException">A method cannot keep its budget at a length.</exception>
    public IEnumerable<DecodeRow> Run(
        IReadOnlyList<MethodRequest> methods, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var logits = new float[_model.Configuration.VocabularySize];
        for (int i = 0; i < methods.Count; i++)
        {
            using var session = new CausalSession(_model, methods[i].Attention, _options);
            for (int j = 0; j < _lengths.Length; j++)
            {
                double done = (i + (double)j / _lengths.Length) / methods.Count;
                var part = new PartialProgress(progress, done, 1.0 / methods.Count / _lengths.Length);
                session.Append(
                    _tokens.AsSpan(session.Length, _lengths[j] - session.Length), default,
                    new NamedProgress(part, $"{methods[i].Name}, n = {_lengths[j]}"), cancellationToken);
                yield return Row(methods[i], session, _lengths[j], logits, cancellationToken);
                session.Rewind(_lengths[j]);
            }
        }
    }

    /// <summary>The whole result; hashes the files.</summary>
    public DecodeReport Report(IReadOnlyList<DecodeRow> rows) => new()
    {
        Model = FileIdentity.Of(_modelPath),
        Text = FileIdentity.Of(_text),
        Threads = _options.Threads,
        Tokens = _count,
        Rows = rows,
    };

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private DecodeRow Row(MethodRequest method, CausalSession session, int length, float[] logits, CancellationToken cancellationToken)
    {
        AttentionReport before = session.Attention;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < _count; i++)
        {
            session.Predict(_tokens.AsSpan(length + i, 1), logits, cancellationToken: cancellationToken);
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds / _count;
        AttentionReport after = session.Attention;
        double budget = (double)(after.Interactions - before.Interactions) / Math.Max(1, after.ExactInteractions - before.ExactInteractions);
        long all = sizeof(float) * _model.Blocks.Sum(block => (long)block.Shape.KeyValueHeads * (block.Shape.HeadDimension + block.Shape.ValueDimension))
            * (length + _count / 2);
        long read = (long)(budget * all);
        double speed = MemoryRead.MeasureBytesPerSecond(_model.WeightBytes + read, _options.Threads);
        return new DecodeRow
        {
            Method = method.Text,
            N = length,
            Seconds = seconds,
            TokensPerSecond = 1 / seconds,
            AttentionSeconds = (after.Seconds - before.Seconds) / _count,
            Budget = budget,
            WeightBytes = _model.WeightBytes,
            CacheBytes = read,
            BytesPerSecond = speed,
            Share = (_model.WeightBytes + read) / speed / seconds,
        };
    }
}
