using System.Globalization;
using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;
using Prescore.Models.Evaluation;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Experiments.Tasks;

/// <summary>
/// What a model still finds in a long text with each attention method. All methods see the same passages and questions; one
/// prefill serves all questions of a passage. An answer is found where its first token is the likeliest of the question's
/// choices.
/// </summary>
public sealed class TaskStudy : IDisposable
{
    private readonly TaskSettings _settings;
    private readonly AttentionOptions _options;
    private readonly CausalModel _model;
    private readonly ITokenizer _tokenizer;
    private readonly int[] _text;
    private readonly ResumableRows<TaskTrial> _file;

    private TaskStudy(TaskSettings settings, AttentionOptions options, CausalModel model, ITokenizer tokenizer, int[] text, ResumableRows<TaskTrial> file) =>
        (_settings, _options, _model, _tokenizer, _text, _file) = (settings, options, model, tokenizer, text, file);

    /// <summary>Reads text and model and checks that they fit the settings, before the long work begins.</summary>
    /// <exception cref="BadInputException">The settings cannot be met.</exception>
    public static TaskStudy Prepare(TaskSettings settings, AttentionOptions options, CancellationToken cancellationToken)
    {
        ITask[] tasks = [.. settings.Tasks.Select(RetrievalTasks.Get)];
        foreach (ITask task in tasks.Where(task => settings.Depths < 1 || settings.Depths > task.MostDepths))
        {
            throw new BadInputException($"the task '{task.Name}' can have 1 to {task.MostDepths} depths, not {settings.Depths}");
        }
        ITokenizer tokenizer = ModelTokenizer.Load(settings.ModelPath).Tokenizer;
        int[] tokens = tokenizer.Encode(settings.Text.ReadToEnd());
        foreach (ITask task in tasks)
        {
            foreach (int length in settings.Lengths)
            {
                task.Create(new PassageSource(tokens, tokenizer, length, 0, options.Seed), settings.Depths);
            }
        }
        var loading = new ModelOptions { Rope = settings.Rope, AllowLong = settings.AllowLong, Threads = options.Threads, Simd = options.Simd };
        CausalModel model = CausalModel.Load(settings.ModelPath, loading, cancellationToken);
        try
        {
            model.RequireContext(settings.Lengths.Max());
            MemoryEstimate.OfSequence(model, settings.Lengths.Max(), settings.Lengths.Max()).Require(MemoryEstimate.Available());
            string identity = string.Create(
                CultureInfo.InvariantCulture,
                $"task trials 1; model {FileIdentity.Of(settings.ModelPath).Sha256}; text {FileIdentity.Of(settings.Text).Sha256}; seed {options.Seed}; depths {settings.Depths}; rope {settings.Rope}");
            return new TaskStudy(settings, options, model, tokenizer, tokens, new ResumableRows<TaskTrial>(settings.StatePath, identity));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs every method on every passage; trials come a passage and method at a time, finished ones first.</summary>
    /// <param name="methods">Methods, exact first; sizes that follow from a budget are solved for each length.</param>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work; what came until then is kept in the file.</param>
    public IEnumerable<TaskTrial> Run(
        IReadOnlyList<MethodRequest> methods, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        double all = (double)_settings.Passages * methods.Count * _settings.Tasks.Count * _settings.Lengths.Sum(), done = 0;
        var finished = _file.Finished.ToLookup(trial => (trial.Task, trial.Spec, trial.Length, trial.Passage));
        // Passage by passage, so that an interrupted study has some of every task and length.
        var cells = from number in Enumerable.Range(0, _settings.Passages)
                    from length in _settings.Lengths
                    from task in _settings.Tasks
                    from method in methods
                    select (number, length, task, method);
        foreach ((int number, int length, string task, MethodRequest method) in cells)
        {
            TaskTrial[] trials = [.. finished[(task, method.Text, length, number)]];
            if (trials.Length != _settings.Depths)
            {
                var part = new NamedProgress(
                    new PartialProgress(progress, done / all, length / all), $"{task}, {length} tokens, passage {number + 1} of {_settings.Passages}, {method.Name}");
                trials = RunPassage(RetrievalTasks.Get(task), method, length, number, part, cancellationToken);
                _file.Append(trials);
            }
            done += length;
            foreach (TaskTrial trial in trials)
            {
                yield return trial;
            }
        }
    }

    /// <summary>The whole result; hashes the files.</summary>
    public TaskReport Report(IReadOnlyList<MethodRequest> methods, IReadOnlyList<TaskTrial> trials) => new()
    {
        Model = FileIdentity.Of(_settings.ModelPath),
        Text = FileIdentity.Of(_settings.Text),
        Lengths = _settings.Lengths,
        Depths = _settings.Depths,
        Passages = _settings.Passages,
        Seed = _options.Seed,
        Threads = _options.Threads,
        Tasks =
        [
            .. _settings.Tasks.Select(task => new TaskRow(
                task, [.. methods.Select(method => TaskMethodRow.Of(method.Name, method.Text, methods[0].Text, [.. trials.Where(trial => trial.Task == task)]))])),
        ],
    };

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private TaskTrial[] RunPassage(ITask task, MethodRequest method, int length, int number, IProgress<double> progress, CancellationToken cancellationToken)
    {
        TaskPassage passage = task.Create(new PassageSource(_text, _tokenizer, length, number, _options.Seed), _settings.Depths);
        IAttention attention = method.Resolve(_model.Configuration.LayerShape(length), causal: true);
        using var session = new CausalSession(_model, attention, _options);
        session.Append(passage.Tokens, [], progress, cancellationToken);
        double budget = session.Attention.Budget;
        var hidden = new float[_model.Configuration.HiddenSize];
        var logits = new float[_model.Configuration.VocabularySize];
        return
        [
            .. passage.Questions.Select(question =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                session.Append(question.Tokens, hidden);
                session.Rewind(passage.Tokens.Length);
                _model.Logits(hidden, 1, logits, _options.Threads);
                bool found = question.Choices.MaxBy(choice => logits[choice]) == question.Answer;
                bool greedy = TensorPrimitives.IndexOfMax<float>(logits) == question.Answer;
                return new TaskTrial(task.Name, method.Text, length, number, question.Depth, found, greedy, TokenLikelihood.LogProbability(logits, question.Answer), budget);
            }),
        ];
    }
}
