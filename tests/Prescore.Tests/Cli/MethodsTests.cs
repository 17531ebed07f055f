using System.Text.RegularExpressions;
using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Cli.Rendering;
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
        page.ShouldBe(expected, "run the tests with PRESCORE_WRITE_DOCS=1 to write docs/methods.md anew");
        string[] described = [.. OptionsSection().Matches(page).Select(match => match.Groups["name"].Value)];
        described.ShouldBe(BuiltIn().Where(method => method.Options.Count > 0).Select(method => method.Method));
    }

    private static IEnumerable<OptionTable> BuiltIn() => AttentionMethods.Options
        .Where(method => AttentionMethods.Create(method.Example).GetType().Assembly == typeof(AttentionMethods).Assembly);

    [GeneratedRegex("<!-- options: (?<name>[a-z-]+) -->.*?<!-- end of options -->", RegexOptions.Singleline)]
    private static partial Regex OptionsSection();
}
