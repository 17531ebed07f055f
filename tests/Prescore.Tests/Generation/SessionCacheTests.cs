using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Generation;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Tests.Families;

namespace Prescore.Tests.Generation;

public sealed class SessionCacheTests : IDisposable
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 400).Select(i => (i * 31 + i / 9) % 50)];

    private readonly TemporaryFolder _folder = new();
    private readonly CausalModel _model;
    private readonly SessionCache _cache;

    public SessionCacheTests()
    {
        new RandomLlama().Write(_folder.File("model.gguf"));
        _model = CausalModel.Load(_folder.File("model.gguf"));
        _cache = new SessionCache(_folder.File("sessions"), SessionCache.DefaultLimit);
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("clustered:error=0.1")]
    [InlineData("window:w=64")]
    public void What_was_kept_goes_on_as_if_it_had_been_computed(string method)
    {
        using PromptSession first = Session(method);
        _cache.Restore(first, Tokens.AsSpan(0, 380)).ShouldBeFalse();
        first.Set(Tokens.AsSpan(0, 380));
        _cache.Keep(first)!.Value.ShouldBe(new FileInfo(_cache.PathOf(first, Tokens.AsSpan(0, 380))).Length);

        using PromptSession second = Session(method);
        _cache.Restore(second, Tokens.AsSpan(0, 380)).ShouldBeTrue();
        second.Tokens.ShouldBe(Tokens[..380]);
        second.Set(Tokens).ShouldBe(380);
        first.Set(Tokens).ShouldBe(380);
        second.NextLogits().ToArray().ShouldBe(first.NextLogits().ToArray());
    }

    [Fact]
    public void Another_text_method_or_seed_is_another_file()
    {
        using PromptSession session = Session("exact");
        session.Set(Tokens);
        _cache.Keep(session);
        using PromptSession otherMethod = Session("window:w=64"), otherSeed = Session("exact", seed: 1), same = Session("exact");
        _cache.Restore(otherMethod, Tokens).ShouldBeFalse();
        _cache.Restore(otherSeed, Tokens).ShouldBeFalse();
        _cache.Restore(same, Tokens.AsSpan(1)).ShouldBeFalse();
        // A file that is there under the wrong name is refused by its header, or by its tokens.
        File.Copy(_cache.PathOf(session, Tokens), _cache.PathOf(otherSeed, Tokens));
        Should.Throw<ModelFormatException>(() => _cache.Restore(otherSeed, Tokens)).Message.ShouldContain("seed 0, not 1");
        File.Copy(_cache.PathOf(session, Tokens), _cache.PathOf(same, Tokens.AsSpan(1)));
        Should.Throw<ModelFormatException>(() => _cache.Restore(same, Tokens.AsSpan(1))).Message.ShouldContain("another text");
        same.Tokens.ShouldBeEmpty();
        _cache.Restore(same, Tokens).ShouldBeTrue();
    }

    [Fact]
    public void A_damaged_file_is_named_once_and_gone()
    {
        using PromptSession session = Session("clustered:error=0.1");
        session.Set(Tokens);
        _cache.Keep(session);
        string path = _cache.PathOf(session, Tokens);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        using PromptSession fresh = Session("clustered:error=0.1");
        Should.Throw<ModelFormatException>(() => _cache.Restore(fresh, Tokens)).Message.ShouldContain("checksum");
        File.Exists(path).ShouldBeFalse();
        _cache.Restore(fresh, Tokens).ShouldBeFalse();
        fresh.Set(Tokens).ShouldBe(0);
    }

    [Fact]
    public void Those_not_used_for_longest_go_first()
    {
        using PromptSession session = Session("exact");
        long one = 0;
        for (int i = 0; i < 3; i++)
        {
            session.Set(Tokens.AsSpan(i));
            one = _cache.Keep(session)!.Value;
            File.SetLastWriteTimeUtc(_cache.PathOf(session, Tokens.AsSpan(i)), DateTime.UtcNow.AddHours(i - 9));
        }
        // The oldest is used once more.
        using PromptSession user = Session("exact");
        _cache.Restore(user, Tokens).ShouldBeTrue();
        File.WriteAllText(Path.Combine(_cache.Folder, "left.tmp"), "");
        File.SetLastWriteTimeUtc(Path.Combine(_cache.Folder, "left.tmp"), DateTime.UtcNow.AddDays(-2));

        var small = new SessionCache(_cache.Folder, 2 * one + one / 2);
        session.Set(Tokens.AsSpan(3));
        small.Keep(session).ShouldNotBeNull();

        Exists(0).ShouldBeTrue();
        Exists(1).ShouldBeFalse();
        Exists(2).ShouldBeFalse();
        Exists(3).ShouldBeTrue();
        Directory.GetFiles(_cache.Folder).Length.ShouldBe(2);
        session.Set(Tokens.AsSpan(4));
        new SessionCache(_cache.Folder, 1000).Keep(session).ShouldBeNull();
        Directory.GetFiles(_cache.Folder).Length.ShouldBe(2);

        bool Exists(int first) => File.Exists(_cache.PathOf(session, Tokens.AsSpan(first)));
    }

    [Fact]
    public void Nobody_else_may_read_the_folder()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Unix modes");
            return;
        }
        using PromptSession session = Session("exact");
        session.Set(Tokens);
        _cache.Keep(session);
        (File.GetUnixFileMode(_cache.Folder) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute))
            .ShouldBe(UnixFileMode.None);
    }

    private PromptSession Session(string method, ulong seed = 0) =>
        new(_model, AttentionMethods.Create(method), AttentionOptions.Default with { Seed = seed });
}
