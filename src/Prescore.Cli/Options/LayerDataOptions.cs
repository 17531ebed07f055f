using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Experiments;
using Prescore.Experiments.Layers;
using Prescore.Models.Formats;

namespace Prescore.Cli.Options;

/// <summary>Where a command that measures single layers takes queries, keys and values from.</summary>
internal sealed class LayerDataOptions
{
    private const string Gaussian = "gaussian";

    private readonly PathOption _data;
    private readonly Option<string?> _model = RunOptions.Model();
    private readonly Option<string?> _text = RunOptions.Text();
    private readonly Option<string?> _captureWith = new("--capture-with")
    {
        Description = $"Method of the layers below the captured ones. Default: exact up to 32k tokens, {CapturedLayers.BeyondExact} beyond.",
        HelpName = "SPEC",
    };

    /// <summary>Creates the options.</summary>
    /// <param name="layers">The layers that are captured where nothing else is wanted, in words.</param>
    public LayerDataOptions(string layers) => _data = new PathOption(
        "--data",
        $"A .safetensors file with q [h_q,n,d], k and v [h_kv,n,d], or 'gaussian'. Default: captured from {layers} of the embedded model (of another: at the same depths).",
        PathUse.File)
    {
        HelpName = "FILE|gaussian",
        Words = [Gaussian],
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_data);
        command.Add(_model);
        command.Add(_text);
        command.Add(_captureWith);
    }

    /// <summary>The model that was named, or null.</summary>
    public string? Model(ParseResult parsed) => parsed.GetValue(_model);

    /// <summary>The text that was named, or null.</summary>
    public string? Text(ParseResult parsed) => parsed.GetValue(_text);

    /// <summary>Whether options are given that concern single layers alone.</summary>
    public bool IsOfLayers(ParseResult parsed) => (parsed.GetValue(_data) ?? parsed.GetValue(_captureWith)) is not null;

    /// <summary>The source that was asked for.</summary>
    /// <param name="context">Where a text may come from.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="layers">Layers to capture, from 0; null: an early, a middle and a late one.</param>
    /// <param name="lengths">All lengths that will be loaded.</param>
    /// <param name="options">Threads, SIMD path and seed.</param>
    /// <exception cref="BadInputException">Options that do not go together.</exception>
    public ILayerSource Open(ToolContext context, ParseResult parsed, IReadOnlyList<int>? layers, int[] lengths, AttentionOptions options)
    {
        string? data = parsed.GetValue(_data), model = Model(parsed), text = Text(parsed), captureWith = parsed.GetValue(_captureWith);
        if (data is not null && (model ?? text ?? captureWith) is not null)
        {
            throw new BadInputException("--data brings its own tensors; --model, --text and --capture-with say how else to capture them");
        }
        if (data is null)
        {
            using TextInput input = TextInputs.Open(context, text ?? EmbeddedFiles.Text);
            return new CapturedLayers(model ?? EmbeddedFiles.Model, input, layers, lengths, options, captureWith);
        }
        return data switch
        {
            Gaussian => new GaussianLayers(options.Seed),
            _ => new FileLayers(data, lengths),
        };
    }
}
