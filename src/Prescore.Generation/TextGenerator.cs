using System.Diagnostics;
using System.Text;
using Prescore.Generation.Sampling;
using Prescore.Generation.Stopping;
using Prescore.Models.Tokenizers;

namespace Prescore.Generation;

/// <summary>Continues prompts token by token.</summary>
/// <param name="session">The sequence; keeps what was generated, so that a next prompt may go on from it.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
public sealed class TextGenerator(PromptSession session, ITokenizer tokenizer)
{
    /// <summary>Generates a continuation.</summary>
    /// <param name="prompt">Tokens of the prompt, at least one.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="onText">Receives the text in pieces of whole characters as they become certain; null: nobody.</param>
    /// <param name="progress">Told the fraction of the prompt that is done.</param>
    /// <param name="cancellationToken">Ends the generation; the result holds what was said until then.</param>
    /// <exception cref="Models.Families.ContextLimitException">The prompt alone is longer than the model's context.</exception>
    public GenerationResult Generate(
        ReadOnlySpan<int> prompt,
        GenerationOptions options,
        Action<string>? onText = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxTokens, 1);
        var run = new Run(new Sampler(options.Sampling), new StreamingDecoder(tokenizer, continues: true), new StopStrings(options.StopStrings), onText);
        long start = Stopwatch.GetTimestamp();
        double firstSeconds = 0;
        int cached = 0;
        StopReason reason;
        try
        {
            cached = session.Set(prompt, progress, cancellationToken);
            reason = Decode(run, options, () => firstSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            reason = StopReason.Cancelled;
        }
        run.Finish();
        return new GenerationResult
        {
            Text = run.Text.ToString(),
            Tokens = run.Tokens,
            Reason = reason,
            PromptTokens = prompt.Length,
            CachedTokens = cached,
            SecondsToFirstToken = firstSeconds,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
        };
    }

    private StopReason Decode(Run run, GenerationOptions options, Action onFirst, CancellationToken cancellationToken)
    {
        while (true)
        {
            int token = run.Sampler.Next(session.NextLogits(), [.. session.Tokens]);
            if (run.Tokens.Count == 0)
            {
                onFirst();
            }
            run.Tokens.Add(token);
            if (!options.IgnoresEnd && tokenizer.Special.Ends.Contains(token))
            {
                return StopReason.EndToken;
            }
            run.Say(token);
            if (run.Stops.Found)
            {
                return StopReason.StopString;
            }
            if (run.Tokens.Count >= options.MaxTokens)
            {
                return StopReason.TokenLimit;
            }
            if (session.Tokens.Count >= session.ContextLimit)
            {
                return StopReason.ContextLimit;
            }
            cancellationToken.ThrowIfCancellationRequested();
            session.Append(token);
        }
    }

    /// <summary>What one generation has said so far.</summary>
    private sealed record Run(Sampler Sampler, StreamingDecoder Decoder, StopStrings Stops, Action<string>? OnText)
    {
        public StringBuilder Text { get; } = new();

        public List<int> Tokens { get; } = [];

        public void Say(int token) => Emit(Stops.Append(Decoder.Append(token)));

        public void Finish() => Emit(Stops.Append(Decoder.Flush()) + Stops.Flush());

        private void Emit(string text)
        {
            if (text.Length > 0)
            {
                Text.Append(text);
                OnText?.Invoke(text);
            }
        }
    }
}
