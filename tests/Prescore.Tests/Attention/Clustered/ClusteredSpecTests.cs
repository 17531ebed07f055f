using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Specs;

namespace Prescore.Tests.Attention.Clustered;

public class ClusteredSpecTests
{
    [Fact]
    public void Options_have_the_values_of_the_spec()
    {
        ClusteredOptions options = Create(
            "clustered:error=0.2,budget=0.7,block=64,w=16,kappa=2,probes=5,every=3,decay=0.5,growth=1.5,segment=700,steps=2,thresholds=12,sketch=20").Options;
        options.ShouldBe(new ClusteredOptions
        {
            TargetError = 0.2,
            Budget = 0.7,
            BlockSize = 64,
            Near = 16,
            ClusterFactor = 2,
            Probes = 5,
            ProbeSpacing = 3,
            ProbeDecay = 0.5,
            RefitGrowth = 1.5,
            FirstSegment = 700,
            FitSteps = 2,
            LastThreshold = 12,
            SketchRank = 20,
        });
        Create("clustered").Options.ShouldBe(new ClusteredOptions());
    }

    [Fact]
    public void Sketches_have_any_multiple_of_4_coordinates_up_to_64()
    {
        for (int rank = 4; rank <= 64; rank += 4)
        {
            ClusteredAttention method = Create($"clustered:sketch={rank}");
            method.Options.SketchRank.ShouldBe(rank);
            method.Spec.ShouldEndWith($",sketch={rank}");
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-4")]
    [InlineData("3")]
    [InlineData("6")]
    [InlineData("63")]
    [InlineData("68")]
    [InlineData("2147483644")]
    [InlineData("many")]
    public void Other_lengths_of_sketches_are_refused(string rank)
    {
        string message = Should.Throw<MethodSpecException>(() => Create($"clustered:sketch={rank}")).Message;
        message.ShouldContain($"sketch={rank}");
        message.ShouldContain("multiple of 4 from 4 to 64");
    }

    [Fact]
    public void The_thresholds_end_at_one_of_them()
    {
        Create("clustered:thresholds=0").Options.LastThreshold.ShouldBe(0);
        Create("clustered:thresholds=48").Options.LastThreshold.ShouldBe(48);
        foreach (string step in new[] { "49", "2147483647" })
        {
            string message = Should.Throw<MethodSpecException>(() => Create($"clustered:thresholds={step}")).Message;
            message.ShouldContain($"thresholds={step}");
            message.ShouldContain("at most 48");
        }
        Should.Throw<MethodSpecException>(() => Create("clustered:thresholds=-1")).Message.ShouldContain("thresholds=-1");
    }

    [Fact]
    public void Options_that_do_not_exist_are_refused()
    {
        MethodSpecException error = Should.Throw<MethodSpecException>(() => Create("clustered:sketches=16"));
        error.Message.ShouldContain("sketch");
    }

    private static ClusteredAttention Create(string spec) => (ClusteredAttention)AttentionMethods.Create(spec);
}
