using Prescore.Models.Families;
using Prescore.Models.Formats;

namespace Prescore.Tests.Formats;

/// <summary>The 60 files of the reference data: each is refused, naming its fault, before anything is allocated for it.</summary>
public class MalformedFileTests
{
    /// <summary>What the message must say of each file, by its number.</summary>
    private static readonly Dictionary<string, string> Faults = new()
    {
        ["g01"] = "ends inside the magic",
        ["g02"] = "does not begin with 'GGUF'",
        ["g03"] = "ends inside the number of tensors",
        ["g04"] = "version 99",
        ["g05"] = "big-endian",
        ["g06"] = "the number of tensors is 1152921504606846976",
        ["g07"] = "the number of metadata pairs is 1152921504606846976",
        ["g08"] = "is 9223372036854775808",
        ["g09"] = "is 1000000",
        ["g10"] = "is 1152921504606846976",
        ["g11"] = "is 2305843009213693953",
        ["g12"] = "unknown value type 99",
        ["g13"] = "nests arrays more than",
        ["g14"] = "type number 250",
        ["g15"] = "4294967295 dimensions",
        ["g16"] = "[8589934592, 8589934592]",
        ["g17"] = "dimension of 18446744073709551612",
        ["g18"] = "bytes past the end of the file",
        ["g19"] = "offset 18446744073709551584",
        ["g20"] = "20 bytes past the end",
        ["g21"] = "'a.weight' occurs twice",
        ["g22"] = "'llama.block_count' occurs twice",
        ["g23"] = "offset 36, which is no multiple of the alignment 32",
        ["g24"] = "overlaps tensor",
        ["g25"] = "general.alignment is 0",
        ["g26"] = "general.alignment is 33",
        ["g27"] = "not valid UTF-8",
        ["g28"] = "rows of 33 values",
        ["g29"] = "'general.architecture' is missing",
        ["g30"] = "'llama.block_count'",
        ["s01"] = "0 bytes, too few",
        ["s02"] = "3 bytes, too few",
        ["s03"] = "header length is 100000",
        ["s04"] = "header length is 18446744073709551615",
        ["s05"] = "header length is 0",
        ["s06"] = "not valid JSON",
        ["s07"] = "does not begin with '{'",
        ["s08"] = "is no object",
        ["s09"] = "unknown dtype F13",
        ["s10"] = "past the",
        ["s11"] = "begins at 16, after its end 0",
        ["s12"] = "does not fill its 16 bytes",
        ["s13"] = "does not fill its 16 bytes",
        ["s14"] = "overlaps",
        ["s15"] = "8 bytes before tensor",
        ["s16"] = "4 bytes after the last tensor",
        ["s17"] = "whole numbers",
        ["s18"] = "too large for any file",
        ["s19"] = "whole numbers",
        ["s20"] = "'a' occurs twice",
        ["s21"] = "UTF-8",
        ["s22"] = "does not begin with '{'",
        ["s23"] = "lacks one of dtype",
        ["s24"] = "whole numbers",
        ["s25"] = "is no string",
        ["s26"] = "whole numbers",
        ["s27"] = "3 data_offsets",
        ["s28"] = "cut short",
        ["s29"] = "header length is",
        ["s30"] = "not valid JSON",
    };

    public static TheoryData<string> Numbers => [.. Faults.Keys];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Fault_is_named_without_a_large_allocation(string number)
    {
        string path = Directory.GetFiles(SharedData.Golden("gguf", "malformed"), number + "-*").ShouldHaveSingleItem();
        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Should.Throw<ModelFormatException>(() => Load(path), path);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(2_000_000);
        error.Message.ShouldStartWith(Path.GetFileName(path) + ": ");
        error.Message.ShouldContain(Faults[number], Case.Sensitive);
        error.Message.ShouldNotContain("\n");
    }

    [Fact]
    public void Every_file_has_its_fault() =>
        Directory.GetFiles(SharedData.Golden("gguf", "malformed")).Select(path => Path.GetFileName(path)[..3]).Where(number => number != "EXP").Order()
            .ShouldBe(Faults.Keys.Order());

    private static void Load(string path)
    {
        if (path.EndsWith(".gguf", StringComparison.Ordinal))
        {
            CausalModel.Load(path).Dispose();
            return;
        }
        TensorSource.Open(path).Dispose();
    }
}
