using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Tokenizers;

public class PreTokenizerTests
{
    [Theory]
    [InlineData("llama-bpe", "I'LL say: 12345 apples\r\n\n  x", new[] { "I", "'LL", " say", ":", " ", "123", "45", " apples", "\r\n\n", " ", " x" })]
    [InlineData("qwen2", "I'll (say) 123!?\n", new[] { "I", "'ll", " (", "say", ")", " ", "1", "2", "3", "!?\n" })]
    [InlineData("gpt-2", "I'll (say) 123!?\n", new[] { "I", "'ll", " (", "say", ")", " 123", "!?", "\n" })]
    [InlineData("smollm", "a 12\u00BD", new[] { "a", " ", "1", "2", "\u00BD" })]
    [InlineData("llama-bpe", "don't$100", new[] { "don", "'t", "$", "100" })]
    public void Families_cut_as_they_were_trained(string name, string text, string[] expected) =>
        Pieces(PreTokenizer.Find(name)!, text).ShouldBe(expected);

    [Fact]
    public void Letters_beyond_the_basic_plane_keep_their_case_and_class()
    {
        var cased = new PreTokenizer([@"\p{Lu}+|\p{Ll}+|\p{M}+|\p{Nd}+"]);
        Pieces(cased, "𝐀𝐁𝐚𝐛𝟎1𑀁").ShouldBe(["𝐀𝐁", "𝐚𝐛", "𝟎1", "𑀁"]);
    }

    private static List<string> Pieces(PreTokenizer preTokenizer, string text)
    {
        var pieces = new List<string>();
        preTokenizer.Split(text, (start, length) =>
        {
            pieces.Add(text.Substring(start, length));
            return true;
        });
        string.Concat(pieces).ShouldBe(text);
        return pieces;
    }
}
