using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Memory;

namespace Prescore.Attention.Core;

/// <summary>
/// One validated attention call with its tensors pinned, so that methods can hand rows to worker threads. It does not
/// outlive the call: see <see cref="Run"/>.
/// </summary>
internal sealed unsafe class AttentionCall
{
    private readonly float* _queries;
    private readonly float* _keys;
    private readonly float* _values;
    private readonly float* _logWeights;
    private readonly float* _output;
    private readonly float* _logSumExp;
    private readonly HeadLayout _queryLayout;
    private readonly HeadLayout _keyLayout;
    private readonly HeadLayout _valueLayout;
    private readonly HeadLayout _outputLayout;
    private LargestMagnitudes _largest = new();

    private AttentionCall(
        in AttentionInput input,
        in AttentionOutput output,
        AttentionOptions options,
        float* queries,
        float* keys,
        float* values,
        float* logWeights,
        float* outputs,
        float* logSumExp,
        CancellationToken cancellationToken)
    {
        Shape = input.Shape;
        Causal = input.Causal;
        Scale = input.Scale ?? 1 / MathF.Sqrt(Shape.HeadDimension);
        Options = options;
        CancellationToken = cancellationToken;
        _queryLayout = AttentionInputCheck.QueryLayout(input);
        _keyLayout = AttentionInputCheck.KeyLayout(input);
        _valueLayout = AttentionInputCheck.ValueLayout(input);
        _outputLayout = AttentionInputCheck.OutputLayout(input, output);
        _queries = queries;
        _keys = keys;
        _values = values;
        _logWeights = logWeights;
        _output = outputs;
        _logSumExp = logSumExp;
    }

    private AttentionCall(AttentionCall call, int before, SequenceMemory memory)
    {
        Shape = call.Shape with { Keys = before + call.Shape.Keys };
        (Causal, Scale, Options, CancellationToken, Work) = (call.Causal, call.Scale, call.Options, call.CancellationToken, call.Work);
        (_queryLayout, _keyLayout, _valueLayout, _outputLayout) = (call._queryLayout, call._keyLayout, call._valueLayout, call._outputLayout);
        _queries = call._queries;
        _keys = call._keys;
        _values = call._values;
        _output = call._output;
        (FirstNewKey, Memory, _largest) = (before, memory, call._largest);
    }

    public AttentionShape Shape { get; }

    public bool Causal { get; }

    public float Scale { get; }

    public AttentionOptions Options { get; }

    public CancellationToken CancellationToken { get; }

    public WorkCounter Work { get; } = new();

    public bool HasLogWeights => _logWeights != null;

    /// <summary>Whether inputs are so large that logits or outputs have to be checked.</summary>
    public bool MayOverflow => _largest.MayOverflow(Shape, Scale);

    /// <summary>For methods that do not look at the products of single queries and keys.</summary>
    /// <exception cref="LogitOverflowException">Products may overflow.</exception>
    public void RefuseOverflow()
    {
        if (MayOverflow)
        {
            throw new LogitOverflowException();
        }
    }

    /// <summary>Position of the first key that the call brings: 0 but in a cache's call.</summary>
    public int FirstNewKey { get; }

    /// <summary>What a cache keeps of the sequence; null: the call is not a cache's.</summary>
    public SequenceMemory? Memory { get; }

    /// <summary>Checks and pins the tensors, runs the method's body and reports its work and time.</summary>
    /// <exception cref="ArgumentException">Shapes, strides or span lengths do not fit.</exception>
    /// <exception cref="NonFiniteException">An input value is not finite.</exception>
    /// <exception cref="LogitOverflowException">A logit or an output is beyond single precision.</exception>
    public static AttentionReport Run(
        in AttentionInput input,
        in AttentionOutput output,
        AttentionOptions options,
        CancellationToken cancellationToken,
        Action<AttentionCall> body,
        LargestMagnitudes? largest = null)
    {
        AttentionInputCheck.Shapes(input, output, options);
        long start = Stopwatch.GetTimestamp();
        fixed (float* queries = input.Queries, keys = input.Keys, values = input.Values)
        fixed (float* logWeights = input.KeyLogWeights, outputs = output.Output, logSumExp = output.LogSumExp)
        {
            var call = new AttentionCall(
                input, output, options, queries, keys, values, logWeights, outputs, logSumExp, cancellationToken);
            AttentionInputCheck.Finite(call, largest ?? call._largest);
            call._largest = largest ?? call._largest;
            body(call);
            return new AttentionReport
            {
                Interactions = call.Work.Interactions,
                Screened = call.Work.Screened,
                ExactInteractions = call.Shape.ExactInteractions(call.Causal),
                IndexProducts = call.Work.IndexProducts,
                FlatSelections = call.Work.FlatSelections,
                Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
                IndexSeconds = call.Work.IndexThreadSeconds / options.Threads,
            };
        }
    }

    /// <summary>The same call, its keys the next ones after <paramref name="before"/> others that <paramref name="memory"/> knows.</summary>
    public AttentionCall After(int before, SequenceMemory memory) => new(this, before, memory);

    /// <summary>Queries [n_q, d] of a query head.</summary>
    public MatrixView Queries(int batch, int head) => View(_queries, _queryLayout, batch, head, Shape.Queries, Shape.HeadDimension);

    /// <summary>Keys [n_k, d] of a key/value head.</summary>
    public MatrixView Keys(int batch, int head) => Memory is null ? NewKeys(batch, head) : Memory.Keys[head].View;

    /// <summary>Values [n_k, d_v] of a key/value head.</summary>
    public MatrixView Values(int batch, int head) => Memory is null ? NewValues(batch, head) : Memory.Values[head].View;

    /// <summary>Of these, the keys that the call brings, from <see cref="FirstNewKey"/> on.</summary>
    public MatrixView NewKeys(int batch, int head) => View(_keys, _keyLayout, batch, head, Shape.Keys - FirstNewKey, Shape.HeadDimension);

    /// <summary>Of these, the values that the call brings.</summary>
    public MatrixView NewValues(int batch, int head) => View(_values, _valueLayout, batch, head, Shape.Keys - FirstNewKey, Shape.ValueDimension);

    /// <summary>Outputs [n_q, d_v] of a query head.</summary>
    public MatrixView Output(int batch, int head) => View(_output, _outputLayout, batch, head, Shape.Queries, Shape.ValueDimension);

    /// <summary>Log-weights [n_k] of a key/value head; empty where there are none.</summary>
    public ReadOnlySpan<float> KeyLogWeights(int batch, int head) =>
        HasLogWeights ? new(_logWeights + ((nint)batch * Shape.KeyValueHeads + head) * Shape.Keys, Shape.Keys) : default;

    /// <summary>Writes the finished row of a query block to output and log-sum-exp of one query.</summary>
    public void Finish(QueryBlock block, int row, int batch, int head, int query)
    {
        float logSumExp = block.Finish(row, Output(batch, head).Row(query));
        if (float.IsNaN(logSumExp))
        {
            throw new LogitOverflowException(batch, head, query);
        }
        SetLogSumExp(batch, head, query, logSumExp);
    }

    /// <summary>Writes one log-sum-exp, where they are wanted.</summary>
    public void SetLogSumExp(int batch, int head, int query, float logSumExp)
    {
        if (_logSumExp != null)
        {
            _logSumExp[((nint)batch * Shape.QueryHeads + head) * Shape.Queries + query] = logSumExp;
        }
    }

    /// <summary>A query block for this call's head sizes and SIMD path.</summary>
    public QueryBlock CreateBlock(int capacity) =>
        QueryBlock.Create(Options.Simd, capacity, Shape.HeadDimension, Shape.ValueDimension, MayOverflow);

    private static MatrixView View(float* data, HeadLayout layout, int batch, int head, int rows, int columns) =>
        new(data + ((nint)batch * layout.BatchStride + (nint)head * layout.HeadStride), rows, columns, layout.RowStride);
}
