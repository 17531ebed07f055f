using CsCheck;
using Prescore.Generation.Stopping;

namespace Prescore.Tests.Generation;

public class StopStringsTests
{
    private static readonly string[] Stops = ["aab", "ba", "\n\n"];

    [Fact]
    public void Wherever_a_text_is_cut_it_ends_before_the_first_stop_string() =>
        Gen.OneOf("a", "b", "aa", "ab", "c", "\n", "").Array[0, 12].Sample(pieces =>
        {
            var stops = new StopStrings(Stops);
            string said = string.Concat(pieces.Select(stops.Append)) + stops.Flush();
            string all = string.Concat(pieces);
            // Of the strings that are complete first, the one that begins first: what came later was never read.
            int length = Enumerable.Range(0, all.Length + 1).First(end => end == all.Length || Stops.Any(stop => all.AsSpan(0, end).EndsWith(stop)));
            bool found = Stops.Any(stop => all.AsSpan(0, length).EndsWith(stop));

            stops.Found.ShouldBe(found);
            all.ShouldStartWith(said);
            Stops.ShouldAllBe(stop => !said.Contains(stop));
            if (!found)
            {
                said.ShouldBe(all);
            }
        });

    [Fact]
    public void Text_is_held_back_no_longer_than_needed()
    {
        var stops = new StopStrings(["<end>"]);
        stops.Append("abc<e").ShouldBe("abc");
        stops.Append("x").ShouldBe("<ex");
        stops.Append("<end").ShouldBe("");
        stops.Append(">more").ShouldBe("");
        stops.Found.ShouldBeTrue();
        stops.Append("still more").ShouldBe("");
        stops.Flush().ShouldBe("");
    }
}
