using System.Xml.Linq;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>How long greedy continuations stay those of exact attention.</summary>
public sealed class AgreementSection : ReportSection<AgreementReport>
{
    /// <inheritdoc/>
    public override string Introduction =>
        "Prompts are continued greedily with exact attention, and the method is asked for its choice at every token of that continuation. Where its first other choice falls, the texts part. A gap is the logit of exact's likeliest token less that of its second; “moved” is how far the method moves such gaps, root mean square over the continuation: a choice closer than that may fall either way. The cost is what the method's token has less of exact's log-probability there, in nats.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(AgreementReport report)
    {
        yield return Html.Table(
            $"{report.Model.File} on {report.Text.File}: prompts of {Html.Count(report.Context)} tokens continued by {report.Tokens}",
            ["method", "prompts", "the same to the end", "same tokens, mean", "part at a choice closer than moved", "same likeliest token", "budget"],
            report.Rows.GroupBy(row => row.Name).Select(method => (string[])
            [
                method.Key,
                Html.Count(method.Count()),
                Html.Count(method.Count(row => row.Same == report.Tokens)),
                Html.Fixed(method.Average(row => row.Same), 1),
                $"{method.Count(row => row.Gap < row.GapChange)} of {method.Count(row => row.Gap is not null)}",
                Html.Percent(method.Average(row => row.SameTop)),
                Html.Fixed(method.Average(row => row.Budget), 3),
            ]));
        yield return Html.Table(
            "Where they part",
            ["method", "prompt at", "same tokens", "gap there", "cost", "smallest gap", "moved", "exact's token", "the method's"],
            report.Rows.Select(row => (string[])
            [
                row.Name,
                Html.Count(row.Start),
                Html.Count(row.Same),
                Logits(row.Gap),
                Logits(row.Cost),
                Logits(row.SmallestGap),
                Logits(row.GapChange),
                VisibleText.Line(row.ExactToken ?? ""),
                VisibleText.Line(row.MethodToken ?? ""),
            ]));
    }

    private static string Logits(double? difference) => difference is double known ? Html.Fixed(known, 3) : "";
}
