using Prescore.Experiments.Reports;

namespace Prescore.Cli.Rendering;

/// <summary>A method's certificate in one line below a table.</summary>
internal static class CertificateLine
{
    public static string Of(string method, CertificateReport certificate)
    {
        if (certificate.CertifiedHeads == 0)
        {
            return $"{method}: no certificate, a measured estimate and not a bound: the text is too short for a far part";
        }
        CertifiedHead worst = certificate.Worst()!;
        string target = certificate.TargetError is double error ? $", target {Numbers.Short(error)}" : "";
        string line = $"{method}: certificate, a measured estimate and not a bound: relative error by {Numbers.Count(certificate.Probes)} exact probe queries over "
            + $"{Numbers.Count(certificate.CertifiedHeads)} layers × heads{target}: median {Numbers.Fixed(certificate.MedianError!.Value, 3)}, "
            + $"95th percentile {Numbers.Fixed(certificate.Percentile95Error!.Value, 3)}, "
            + $"worst {Numbers.Fixed(worst.Error, 3)} (layer {worst.Layer}, head {worst.Head})";
        if (certificate.TargetError is not null)
        {
            line += $"; fell back to exact: {certificate.ExactHeads}";
        }
        return certificate.UnmetHeads > 0 ? line + $", kept from the target by the budget: {certificate.UnmetHeads}" : line;
    }
}
