using System.Text;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>
/// A template in Jinja, the language of chat templates: the part of it that they use, as Hugging Face's transformers runs
/// it (https://jinja.palletsprojects.com/templates/). A template computes on what it is given and nothing else, within a
/// <see cref="RenderBudget"/>; what is not understood is an error and never left out.
/// </summary>
internal sealed class JinjaTemplate
{
    private readonly Statement _program;

    private JinjaTemplate(Statement program) => _program = program;

    /// <summary>Reads a template.</summary>
    /// <exception cref="JinjaException">Something in it is not of the language, or not known here.</exception>
    public static JinjaTemplate Parse(string template) => new(StatementParser.Read(template));

    /// <summary>The text that the template writes.</summary>
    /// <param name="variables">Its variables.</param>
    /// <param name="mostCharacters">What all strings that it makes may have together.</param>
    /// <exception cref="JinjaException">Something is not understood or fails, or the template refuses what it is given.</exception>
    public string Render(IEnumerable<KeyValuePair<string, object?>> variables, long mostCharacters)
    {
        var scope = new Scope(null, new RenderBudget(mostCharacters));
        Globals.AddTo(scope);
        foreach ((string name, object? value) in variables)
        {
            scope.Set(name, value);
        }
        var output = new StringBuilder();
        _program.Execute(scope, output);
        return output.ToString();
    }
}
