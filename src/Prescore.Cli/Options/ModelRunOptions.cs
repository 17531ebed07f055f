using System.CommandLine;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Models.Families;

namespace Prescore.Cli.Options;

/// <summary>The options of every command that runs one model with one method.</summary>
/// <param name="defaultMethod">The method where none is given.</param>
internal sealed class ModelRunOptions(string defaultMethod)
{
    private readonly Option<string?> _model = RunOptions.Model();
    private readonly Option<string> _method = new("--method")
    {
        Description = $"Attention of every layer. Default: {defaultMethod}.",
        HelpName = "SPEC",
        DefaultValueFactory = _ => defaultMethod,
    };

    private readonly Option<string?> _rope = RunOptions.Rope();
    private readonly Option<bool> _allowLong = RunOptions.AllowLong();
    private readonly Option<ActivationPrecision> _activations = RunOptions.Activations();
    private readonly Option<int?> _threads = RunOptions.Threads();
    private readonly Option<ulong?> _seed = RunOptions.Seed();

    /// <summary>All of them, for the command.</summary>
    public IEnumerable<Option> All => [_model, _method, _rope, _allowLong, _activations, _threads, _seed];

    /// <summary>The seed that was given, or null.</summary>
    public ulong? Seed(ParseResult parsed) => parsed.GetValue(_seed);

    /// <summary>What they say.</summary>
    public ModelRun Read(ParseResult parsed)
    {
        AttentionOptions attention = RunOptions.Attention(parsed.GetValue(_threads), parsed.GetValue(_seed));
        var loading = new ModelOptions
        {
            Rope = RunOptions.Scaling(parsed.GetValue(_rope)),
            AllowLong = parsed.GetValue(_allowLong),
            Activations = parsed.GetValue(_activations),
            Threads = attention.Threads,
        };
        return new ModelRun(parsed.GetValue(_model) ?? EmbeddedFiles.Model, AttentionMethods.Create(parsed.GetValue(_method)!), attention, loading);
    }
}

/// <summary>A model with the attention it is to be run with.</summary>
/// <param name="ModelPath">The model.</param>
/// <param name="Method">The method of every layer.</param>
/// <param name="Attention">Threads and seed.</param>
/// <param name="Loading">How to load the model.</param>
internal sealed record ModelRun(string ModelPath, IAttention Method, AttentionOptions Attention, ModelOptions Loading);
