using Prescore.Models.Formats;

namespace Prescore.Tests.Formats;

public class AtomicFileTests
{
    [Fact]
    public void Replaces_a_file_and_leaves_nothing_else()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("a.json");
        AtomicFile.WriteText(path, "old");
        AtomicFile.WriteText(path, "new é");
        File.ReadAllText(path).ShouldBe("new é");
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public void Failed_write_keeps_the_earlier_file_and_leaves_nothing_else()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("a.json");
        AtomicFile.WriteText(path, "old");
        Should.Throw<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException();
        }));
        File.ReadAllText(path).ShouldBe("old");
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public void Missing_folder_is_an_error()
    {
        using TemporaryFolder folder = new();
        Should.Throw<DirectoryNotFoundException>(() => AtomicFile.WriteText(folder.File("no/a.json"), "text"));
    }

    [Fact]
    public void Device_is_written_not_replaced()
    {
        Assert.SkipUnless(File.Exists("/dev/null"), "no /dev/null here");
        AtomicFile.WriteText("/dev/null", "text");
        new FileInfo("/dev/null").Length.ShouldBe(0);
    }
}
