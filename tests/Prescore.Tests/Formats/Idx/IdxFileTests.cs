using System.IO.Compression;
using Prescore.Models.Evaluation.Images;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Idx;

namespace Prescore.Tests.Formats.Idx;

public class IdxFileTests
{
    private static readonly byte[] TwoByThree = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reads_plain_and_compressed_files(bool compressed)
    {
        using var folder = new TemporaryFolder();
        IdxFile file = IdxFile.Read(Write(folder, TwoByThree, compressed));
        file.Dimensions.ShouldBe([2, 3]);
        file.Values.ShouldBe([1, 2, 3, 4, 5, 6]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(11)]
    [InlineData(17)]
    public void A_file_that_ends_early_is_refused(int length)
    {
        using var folder = new TemporaryFolder();
        foreach (bool compressed in new[] { false, true })
        {
            string path = Write(folder, TwoByThree[..length], compressed);
            Should.Throw<ModelFormatException>(() => IdxFile.Read(path)).Message.ShouldContain("end before");
        }
    }

    [Fact]
    public void Other_faults_are_named()
    {
        using var folder = new TemporaryFolder();
        Fault([.. TwoByThree, 7]).ShouldContain("more values");
        Fault([0, 0, 9, 2, 0, 0, 0, 1, 0, 0, 0, 1, 1]).ShouldContain("not an IDX file");
        Fault([0, 0, 8, 0]).ShouldContain("not an IDX file");
        Fault([0, 0, 8, 2, 127, 255, 255, 255, 127, 255, 255, 255, 1]).ShouldContain("more than 2^30");
        Fault([0, 0, 8, 1, 255, 255, 255, 255, 1]).ShouldContain("more than 2^30");
        Fault([0, 0, 8, 1, 0x3f, 255, 255, 255, 1]).ShouldContain("end before");

        string Fault(byte[] bytes) => Should.Throw<ModelFormatException>(() => IdxFile.Read(Write(folder, bytes, compressed: false))).Message;
    }

    [Fact]
    public void Fashion_mnist_has_ten_balanced_classes()
    {
        Assert.SkipUnless(FashionMnist.IsInstalled, "the Debian package dataset-fashion-mnist is not installed");
        LabelledImages test = FashionMnist.ReadTest();
        (test.Count, test.Height, test.Width).ShouldBe((10000, 28, 28));
        test.Labels.CountBy(label => label).ShouldAllBe(count => count.Value == 1000);
        test.Take(3).Count.ShouldBe(3);
    }

    private static string Write(TemporaryFolder folder, byte[] bytes, bool compressed)
    {
        string path = Path.Combine(folder.Path, "file.idx");
        using FileStream file = File.Create(path);
        using Stream stream = compressed ? new GZipStream(file, CompressionLevel.Fastest) : file;
        stream.Write(bytes);
        return path;
    }
}
