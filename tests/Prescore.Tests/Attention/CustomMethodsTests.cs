using System.Text.RegularExpressions;
using CustomMethods;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.Tests.Attention;

/// <summary>A scorer and a method of another assembly, which sees only what is public.</summary>
public partial class CustomMethodsTests
{
    static CustomMethodsTests() => CustomMethodsSample.Register();

    [Fact]
    public void A_method_attends_the_keys_that_it_lists()
    {
        IAttention method = AttentionMethods.Create("dilated:stride=3");
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(500, 500, queryHeads: 4, keyValueHeads: 2), causal: true);
        AttentionReport report = tensors.Run(method);
        report.Budget.ShouldBeLessThan(1);
        NaiveAttention.ShouldMatch(tensors, (_, _, query) =>
        {
            int near = Math.Max(0, query / 128 * 128 - 128);
            return [.. Enumerable.Range(0, query + 1).Where(key => key >= near || key % 3 == 0).Select(key => (key, 0f))];
        });
    }

    [Theory]
    [InlineData("dilated:stride=5")]
    [InlineData("prescored:scorer=spread,s=20,w=16")]
    public void Their_caches_give_the_bits_of_one_call(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(300, 300, queryHeads: 2, keyValueHeads: 1), causal: true);
        tensors.Run(method);
        using var cache = new CacheRun(method, tensors, AttentionOptions.Default);
        foreach (int count in (int[])[100, 1, 1, 190, 1, 1, 1, 5])
        {
            cache.Append(tensors, count);
        }
        cache.Output.ShouldBe(AttentionTensors.RowsFirst(tensors.Output, 2, 300, 16));
    }

    [Fact]
    public void Names_are_known_and_taken_once()
    {
        KeyScorers.Names.ShouldContain("spread");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("dilatd")).Message.ShouldContain("did you mean 'dilated'");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("dilated:stride=0"));
        Should.Throw<ArgumentException>(() => AttentionMethods.Register(ExactAttention.Options, DilatedAttention.FromSpec)).Message.ShouldContain("already");
        Should.Throw<ArgumentException>(() => KeyScorers.Register("No name", () => new SpreadScorer()));
    }

    /// <summary>With PRESCORE_WRITE_DOCS=1 the page is written anew instead.</summary>
    [Fact]
    public void The_page_for_contributors_shows_this_code()
    {
        string path = Path.Combine(SharedData.Repository, "CONTRIBUTING.md");
        string page = File.ReadAllText(path);
        var shown = new List<string>();
        string expected = CodeOfFile().Replace(page, match =>
        {
            shown.Add(match.Groups["file"].Value);
            string code = File.ReadAllText(Path.Combine(SharedData.Repository, shown[^1])).Trim();
            return $"<!-- {shown[^1]} -->\n```csharp\n{code}\n```";
        });
        if (Environment.GetEnvironmentVariable("PRESCORE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, expected);
            return;
        }
        page.ShouldBe(expected, "run the tests with PRESCORE_WRITE_DOCS=1 to write CONTRIBUTING.md anew");
        shown.ShouldBe(["samples/CustomMethods/SpreadScorer.cs", "samples/CustomMethods/DilatedAttention.cs"]);
    }

    [GeneratedRegex("<!-- (?<file>[A-Za-z/]+\\.cs) -->\n```csharp\n.*?\n```", RegexOptions.Singleline)]
    private static partial Regex CodeOfFile();
}
