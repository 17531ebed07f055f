using System.Text.RegularExpressions;
using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Cli.Rendering;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.Tests.Cli;

/// <summary>What the tool and the documentation say of the methods' options.</summary>
public partial class MethodsTests
{
    [Fact]
    public void Without_names_every_method_and_scorer_is_listed()
    {
        ToolRun run = ToolRun.Of("methods");
        run.ExitCode.ShouldBe(0);
        foreach (string name in (string[])["exact", "window:w=512", "clustered:error=0.1", "not a bound", "leverage"])
        {
            run.Out.ShouldContain(name);
        }
    }

    [Fact]
    public void A_method_has_its_options_with_range_and_default()
    {
        ToolRun run = ToolRun.Of("methods", "window", "clustered");
        run.ExitCode.ShouldBe(0);
        string text = Regex.Replace(run.Out, @"\s+", " ");
        text.ShouldContain("an integer of at least 0. Default: 512.");
        text.ShouldContain("for research:");
        text.IndexOf("for research:", StringComparison.Ordinal).ShouldBeGreaterThan(text.IndexOf("keys before the block that stay exact", StringComparison.Ordinal));
    }

    [Fact]
    public void An_unknown_method_is_answered_with_the_nearest() =>
        ToolRun.Of("methods", "windw").Error.ShouldContain("did you mean 'window'?");

    [Fact]
    public void Clustered_publishes_its_few_knobs_and_keeps_the_others_for_research() =>
        ClusteredAttention.SpecOptions.Options.Where(option => !option.ForResearch).Select(option => option.Name)
            .ShouldBe(["error", "budget", "block", "w"]);

    /// <summary>The library's methods; other tests register some of other assemblies.</summary>
    public static TheoryData<string> Methods() => [.. BuiltIn().Select(method => method.Method)];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_full_spec_with_the_published_defaults_is_the_default(string name)
    {
        OptionTable method = AttentionMethods.Options.First(options => options.Method == name);
        string defaults = string.Join(',', method.Options
            .Where(option => !option.Default.Contains(' ') && option.Default != "none" && option.Condition is null)
            .Select(option => $"{option.Name}={option.Default}"));
        AttentionMethods.Create(defaults.Length == 0 ? name : $"{name}:{defaults}").Spec.ShouldBe(AttentionMethods.Create(name).Spec);
        AttentionMethods.Create(AttentionMethods.Create(name).Spec).Spec.ShouldBe(AttentionMethods.Create(name).Spec);
        AttentionMethods.Create(method.Example);
    }

    /// <summary>With PRESCORE_WRITE_DOCS=1 the page is written anew instead.</summary>
    [Fact]
    public void The_documentation_has_the_options_as_they_are_read()
    {
        string path = Path.Combine(SharedData.Repository, "docs", "methods.md");
        string page = File.ReadAllText(path);
        string[] described = [.. OptionsSection().Matches(page).Select(match => match.Groups["name"].Value)];
        described.ShouldBe(
            BuiltIn().Where(method => method.Options.Count > 0).Select(method => method.Method),
            "docs/methods.md has a section with '<!-- options: NAME -->' and '<!-- end of options -->' for every method, in the order of AttentionMethods.cs");
        string expected = OptionsSection().Replace(page, match =>
        {
            OptionTable method = AttentionMethods.Options.First(options => options.Method == match.Groups["name"].Value);
            return $"<!-- options: {method.Method} -->\n\n{MethodHelp.Markdown(method)}\n<!-- end of options -->";
        });
        if (Environment.GetEnvironmentVariable("PRESCORE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, expected);
            return;
        }
        page.ShouldBe(expected, "run this test with PRESCORE_WRITE_DOCS=1 to write docs/methods.md anew");
    }

    [Fact]
    public void The_documentation_has_every_scorer_and_every_methods_budget()
    {
        string page = File.ReadAllText(Path.Combine(SharedData.Repository, "docs", "methods.md"));
        // The formulae of a clustering share a line: kmeans-far is "the same with -far".
        string[] rows = [.. page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))];
        KeyScorers.Names
            .Where(name => KeyScorers.Create(name).GetType().Assembly == typeof(KeyScorers).Assembly)
            .Where(name => !rows.Any(row => row.Split('|')[1].Contains($"`{Formula().Replace(name, "")}`")))
            .ShouldBeEmpty("no row in the tables of scorers of docs/methods.md");
        string budgets = page[page.IndexOf("## Budgets", StringComparison.Ordinal)..];
        BuiltIn().Select(method => method.Method)
            .Where(name => !budgets.Contains($"| `{name}`", StringComparison.Ordinal))
            .ShouldBeEmpty("no row in the table of budgets of docs/methods.md");
    }

    private static IEnumerable<OptionTable> BuiltIn() => AttentionMethods.Options
        .Where(method => AttentionMethods.Create(method.Example).GetType().Assembly == typeof(AttentionMethods).Assembly);

    [GeneratedRegex("-(far|near|share)$")]
    private static partial Regex Formula();

    [GeneratedRegex("<!-- options: (?<name>[a-z-]+) -->.*?<!-- end of options -->", RegexOptions.Singleline)]
    private static partial Regex OptionsSection();
}
