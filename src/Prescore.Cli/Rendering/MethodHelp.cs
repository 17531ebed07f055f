using System.Globalization;
using System.Text;
using Prescore.Attention;
using Prescore.Specs;

namespace Prescore.Cli.Rendering;

/// <summary>What help and documentation say of methods and their options, from the tables that read the specs.</summary>
internal static class MethodHelp
{
    private const int Width = 110;

    private const int Indent = 41;

    /// <summary>The grammar and a line or more a method.</summary>
    public static string Grammar()
    {
        var text = new StringBuilder(
            "Methods are written name[:option=value[,option=value]...]; options that are left out keep their defaults:\n");
        foreach (OptionTable method in AttentionMethods.Options)
        {
            AppendEntry(text, method.Example, Plain(method.Summary), "  ", Indent);
        }
        return text.Append("'prescore methods NAME' and docs/methods.md describe the options.\n").ToString();
    }

    /// <summary>One method's options, in plain text.</summary>
    public static string Options(OptionTable method)
    {
        var text = new StringBuilder();
        AppendEntry(text, method.Method, Plain(method.Summary), "", 12);
        AppendOptions(text, method.Options.Where(option => !option.ForResearch));
        if (method.Options.Any(option => option.ForResearch))
        {
            text.Append("  for research:\n");
            AppendOptions(text, method.Options.Where(option => option.ForResearch));
        }
        return text.ToString();
    }

    /// <summary>One method's options as Markdown tables, those for research under a heading of their own.</summary>
    public static string Markdown(OptionTable method)
    {
        var text = new StringBuilder();
        AppendRows(text, method.Options.Where(option => !option.ForResearch));
        if (method.Options.Any(option => option.ForResearch))
        {
            text.Append("\nFor research:\n\n");
            AppendRows(text, method.Options.Where(option => option.ForResearch));
        }
        return text.ToString();
    }

    private static void AppendOptions(StringBuilder text, IEnumerable<MethodOption> options)
    {
        foreach (MethodOption option in options)
        {
            string condition = option.Condition is null ? "" : $"; goes with {option.Condition}";
            AppendEntry(text, option.Name, Plain($"{option.Meaning}; {option.Range}{condition}. Default: {option.Default}."), "  ", 14);
        }
    }

    private static void AppendRows(StringBuilder text, IEnumerable<MethodOption> options)
    {
        text.Append("| option | meaning | values | default |\n|---|---|---|---|\n");
        foreach (MethodOption option in options)
        {
            string condition = option.Condition is null ? "" : $"with `{option.Condition}`: ";
            text.Append(CultureInfo.InvariantCulture, $"| `{option.Name}` | {condition}{option.Meaning} | {option.Range} | {option.Default} |\n");
        }
    }

    /// <summary>A name and what is said of it, broken into lines that are indented behind the name.</summary>
    private static void AppendEntry(StringBuilder text, string name, string description, string before, int indent)
    {
        var line = new StringBuilder((before + name).PadRight(indent));
        if (line.Length > indent)
        {
            text.Append(line).Append('\n');
            line.Clear().Append(' ', indent);
        }
        int start = line.Length;
        foreach (string word in description.Split(' '))
        {
            if (line.Length > start && line.Length + 1 + word.Length > Width)
            {
                text.Append(line).Append('\n');
                line.Clear().Append(' ', indent);
            }
            line.Append(line.Length > start ? " " : "").Append(word);
        }
        text.Append(line).Append('\n');
    }

    private static string Plain(string text) => text.Replace("`", "");
}
