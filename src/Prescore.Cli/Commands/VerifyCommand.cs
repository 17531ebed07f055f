using System.CommandLine;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Reports;
using Prescore.Generation;
using Prescore.Generation.Verification;
using Prescore.Kernels;
using Prescore.Models.Evaluation;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore verify</c>: a model, tokenizer or attention against reference values.</summary>
internal static class VerifyCommand
{
    private const string HelpNotes = """
        CASES is a .safetensors file with input_ids and any of nll, logits (of all or of the last positions), hidden,
        hidden_states.0, hidden_states.1, ... and final_norm: the model runs on the ids and each array is compared.
        For a vision model's folder, CASES holds pixel_values (or pixels, which the model's normalisation is applied to) and
        any of logits, hidden_states.i, final_norm, hidden_cls, cls, patch_mean, patches and embedding_patches.
        Or CASES is a .jsonl file of {"text": "...", "ids": [...]} lines: the tokenizer is compared; with "messages" the chat
        template too; with "prompt", "ids" and "continuation": greedy continuations are.

        Bounds: logits 1e-4, nll 1e-3 (rounding adds up over thousands of tokens), hidden
        states 1e-5 of the reference's largest value, ids equal; --tolerance X multiplies them. Exit code 1 where one is
        passed.

        Examples:
          prescore verify mine.gguf cases.safetensors
          prescore verify mine.gguf tokenizer.jsonl --special
          prescore verify mine.gguf greedy.jsonl
          prescore verify mine.gguf cases.safetensors --attention window:w=4096 --tolerance 10
        """;

    /// <summary>What <c>--json</c> says of the attention where the tokenizer or chat template was compared.</summary>
    private const string NoAttention = "none";

    public static Command Create(ToolContext context)
    {
        Argument<string> model = PathOptions.ModelArgument("MODEL", "Model: a .gguf file, a folder, or a fetched one by its name.");
        Argument<string> casesFile = PathOptions.TextOrFileArgument("CASES", "Reference values (.safetensors) or token ids (.jsonl).");
        var attention = new Option<string>("--attention")
        {
            Description = "The method that every layer uses.",
            HelpName = "SPEC",
            DefaultValueFactory = _ => "exact",
        };
        Option<string?> rope = RunOptions.Rope();
        Option<bool> allowLong = RunOptions.AllowLong();
        var special = new Option<bool>("--special") { Description = "Recognise control tokens in the texts of a .jsonl file." };
        Option<double?> tolerance = NumberOptions.Positive("--tolerance", "Multiplies every bound. Default: 1.", double.PositiveInfinity, "X");
        Option<ActivationPrecision> activations = RunOptions.Activations();
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> json = RunOptions.Json("all differences");
        var command = new ToolCommand("verify", "Check a model, a tokenizer or an attention against reference values.", HelpNotes)
        {
            model, casesFile, attention, rope, allowLong, activations, special, tolerance, threads, seed, json,
        };
        command.SetAction(parsed =>
        {
            string modelPath = parsed.GetValue(model)!;
            string casesPath = parsed.GetValue(casesFile)!;
            bool ofLines = Path.GetExtension(casesPath).Equals(".jsonl", StringComparison.OrdinalIgnoreCase);
            IAttention method = AttentionMethods.Create(parsed.GetValue(attention)!);
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            var loading = new ModelOptions
            {
                Rope = RunOptions.Scaling(parsed.GetValue(rope)),
                AllowLong = parsed.GetValue(allowLong),
                Activations = parsed.GetValue(activations),
                Threads = options.Threads,
            };
            using TextInput? lines = ofLines ? TextInputs.Open(context, casesPath) : null;
            CaseLines? caseLines = lines is null ? null : new CaseLines(lines);
            bool ofModel = caseLines is null || GreedyVerifier.Fits(caseLines);
            VerificationResult result = caseLines is null
                ? VerifyModel(context, modelPath, casesPath, loading, method, options, parsed.GetValue(tolerance) ?? 1)
                : ofModel ? VerifyGreedy(context, modelPath, caseLines, loading, method, options)
                : VerifyText(modelPath, caseLines, parsed.GetValue(special), context.CancellationToken);
            Print(context, result);
            if (parsed.GetValue(json) is string path)
            {
                FileIdentity cases = lines is null ? FileIdentity.Of(casesPath) : FileIdentity.Of(lines);
                OutputFiles.WriteJson(path, Report(modelPath, cases, ofModel ? method.Spec : NoAttention, result));
            }
            return result.Passed ? ExitCodes.Done : ExitCodes.CheckFailed;
        });
        return command;
    }

    private static VerificationResult VerifyText(string modelPath, CaseLines cases, bool special, CancellationToken cancellationToken)
    {
        ModelTokenizer model = ModelTokenizer.Load(modelPath);
        return ChatVerifier.Fits(cases)
            ? ChatVerifier.Verify(model, cases, cancellationToken)
            : TokenizerVerifier.Verify(model.Tokenizer, cases, special, cancellationToken);
    }

    private static VerificationResult VerifyGreedy(
        ToolContext context, string modelPath, CaseLines cases, ModelOptions loading, IAttention method, AttentionOptions options)
    {
        ITokenizer tokenizer = ModelTokenizer.Load(modelPath).Tokenizer;
        using CausalModel model = CausalModel.Load(modelPath, loading, context.CancellationToken);
        using var session = new PromptSession(model, method, options);
        return GreedyVerifier.Verify(session, tokenizer, cases, context.CancellationToken);
    }

    private static VerificationResult VerifyModel(
        ToolContext context, string modelPath, string cases, ModelOptions loading, IAttention method, AttentionOptions options, double tolerance)
    {
        if (VisionModel.IsVisionFolder(modelPath))
        {
            using VisionModel vision = VisionModel.Load(modelPath, loading);
            return new VisionVerifier(vision, method, options, tolerance).Verify(cases, context.CancellationToken);
        }
        using CausalModel model = CausalModel.Load(modelPath, loading, context.CancellationToken);
        using var bar = new ProgressLine(context);
        var verifier = new ModelVerifier(model, method, options, tolerance);
        return verifier.Verify(cases, new NamedProgress(bar, Path.GetFileName(cases)), context.CancellationToken);
    }

    private static void Print(ToolContext context, VerificationResult result)
    {
        Table table = Tables.Create(context, "array", "values", "largest difference", "mean", "bound", "verdict");
        foreach (ArrayComparison array in result.Arrays)
        {
            table.AddPlainRow(
                array.Name,
                Numbers.Count(array.Values),
                Numbers.Scientific(array.MaxDifference),
                Numbers.Scientific(array.MeanDifference),
                Numbers.Scientific(array.Bound),
                array.Passed ? "passed" : "FAILED");
        }
        Tables.Write(context, table);
        foreach (ArrayComparison array in result.Arrays.Where(array => !array.Passed))
        {
            context.Out.WriteLine($"{array.Name}: first mismatch at {array.FirstMismatch}");
        }
        if (result.Ignored.Count > 0)
        {
            context.Out.WriteLine($"not compared: {string.Join(", ", result.Ignored)}");
        }
    }

    private static VerifyReport Report(string model, FileIdentity cases, string attention, VerificationResult result) => new()
    {
        Model = FileIdentity.Of(model),
        Cases = cases,
        Attention = attention,
        Passed = result.Passed,
        Arrays =
        [
            .. result.Arrays.Select(array => new VerifyRow
            {
                Name = array.Name,
                Values = array.Values,
                MaxDifference = array.MaxDifference,
                MeanDifference = array.MeanDifference,
                Bound = array.Bound,
                Passed = array.Passed,
                FirstMismatch = array.FirstMismatch,
            }),
        ],
    };
}
