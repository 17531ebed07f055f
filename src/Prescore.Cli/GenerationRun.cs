using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Reports;
using Prescore.Generation;
using Prescore.Models.Families;
using Prescore.Models.Tokenizers;

namespace Prescore.Cli;

/// <summary>A loaded model that commands let generate: streams its text, and says on the error stream how long it took.</summary>
internal sealed class GenerationRun : IDisposable
{
    private readonly ToolContext _context;
    private readonly ModelRun _run;
    private readonly CausalModel _model;
    private readonly TextGenerator _generator;
    private readonly List<GeneratedText> _texts = [];

    private GenerationRun(ToolContext context, ModelRun run, ModelTokenizer tokenizer, CausalModel model)
    {
        (_context, _run, _model) = (context, run, model);
        Tokenizer = tokenizer;
        Session = new PromptSession(model, run.Method, run.Attention);
        _generator = new TextGenerator(Session, tokenizer.Tokenizer);
    }

    /// <summary>The model's tokenizer and chat template.</summary>
    public ModelTokenizer Tokenizer { get; }

    /// <summary>The sequence that all prompts share.</summary>
    public PromptSession Session { get; }

    /// <summary>Reads tokenizer and model.</summary>
    public static GenerationRun Load(ToolContext context, ModelRun run)
    {
        ModelTokenizer tokenizer = ModelTokenizer.Load(run.ModelPath);
        return new GenerationRun(context, run, tokenizer, CausalModel.Load(run.ModelPath, run.Loading, context.CancellationToken));
    }

    /// <summary>Continues a prompt on the output; what was said before an interruption is kept.</summary>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="question">The question, for the report; null where there is none.</param>
    public GenerationResult Continue(int[] prompt, GenerationOptions options, string? question = null)
    {
        using var bar = new ProgressLine(_context);
        GenerationResult result = _generator.Generate(
            prompt,
            options,
            text =>
            {
                bar.Dispose();
                _context.Out.Write(text);
                _context.Out.Flush();
            },
            new NamedProgress(bar, "reading the prompt"),
            _context.CancellationToken);
        bar.Dispose();
        _context.Out.WriteLine();
        _context.Error.WriteLine(GenerationLine.Of(result));
        _texts.Add(GeneratedText.Of(result, question));
        return result;
    }

    /// <summary>Writes all texts as JSON, where a path was given.</summary>
    /// <returns>The exit code: that of an interruption where the last text was cut.</returns>
    public int Finish(string? jsonPath)
    {
        OutputFiles.WriteJson(jsonPath, new GenerateReport
        {
            Model = FileIdentity.Of(_run.ModelPath),
            Attention = _run.Method.Spec,
            Seed = _run.Attention.Seed,
            Threads = _run.Attention.Threads,
            Texts = _texts,
        });
        return _context.CancellationToken.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Done;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Session.Dispose();
        _model.Dispose();
    }
}
