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

    [Fact]
    public void Links_are_written_through_and_modes_and_other_names_kept()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("modes and links of Unix");
            return;
        }
        using TemporaryFolder folder = new();
        string file = folder.File("real.json"), link = folder.File("link.json"), dangling = folder.File("new.json");
        AtomicFile.WriteText(file, "old");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.CreateSymbolicLink(link, "real.json");
        File.CreateSymbolicLink(dangling, "created.json");

        AtomicFile.WriteText(link, "new");
        AtomicFile.WriteText(dangling, "created");

        new FileInfo(link).LinkTarget.ShouldBe("real.json");
        File.ReadAllText(file).ShouldBe("new");
        File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.ReadAllText(folder.File("created.json")).ShouldBe("created");
        Directory.GetFiles(folder.Path).Length.ShouldBe(4);
    }

    [Fact]
    public void A_name_of_250_bytes_is_written()
    {
        using TemporaryFolder folder = new();
        string path = folder.File(new string('r', 245) + ".json");
        AtomicFile.WriteText(path, "text");
        File.ReadAllText(path).ShouldBe("text");
    }

    [Fact]
    public void What_cannot_be_written_is_found_before_and_leaves_nothing()
    {
        using TemporaryFolder folder = new();
        AtomicFile.RequireWritable(folder.File("a.json"));
        Directory.GetFiles(folder.Path).ShouldBeEmpty();
        foreach (string path in new[] { "", folder.Path, folder.File("no/a.json"), folder.File("a.json/"), folder.File(new string('r', 300)) })
        {
            Should.Throw<IOException>(() => AtomicFile.RequireWritable(path), path);
        }
    }
}
