using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Prescore.Models.Hub;

namespace Prescore.Tests.Hub;

public sealed class ModelHubTests : IDisposable
{
    private const string Repository = "owner/name";
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private static readonly byte[] Content = [.. Enumerable.Range(0, 1_000_000).Select(i => (byte)(i * 7 + i / 1000))];
    private static readonly byte[] Config = "{}"u8.ToArray();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task File_arrives_whole_and_a_second_pull_fetches_nothing()
    {
        using HubServer server = new(request => Answer(request, ("m.gguf", Content)));
        string path = await Pull(server, $"{Repository}:m.gguf");
        File.ReadAllBytes(path).ShouldBe(Content);
        Directory.GetFiles(Path.GetDirectoryName(path)!).ShouldBe([path]);
        server.Requests.Count.ShouldBe(2);
        server.Requests[1].Path.ShouldBe($"/owner/name/resolve/{Commit}/m.gguf");
        (await Pull(server, Repository)).ShouldBe(path);
        server.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Dropped_connections_go_on_where_they_ended()
    {
        using HubServer server = new(request =>
        {
            HubAnswer answer = Answer(request, ("m.gguf", Content));
            // Promises the rest and sends a third of a million.
            return request.Path.Contains("resolve") ? answer with { Body = answer.Body[..Math.Min(333_333, answer.Body.Length)], StatedLength = answer.Body.Length } : answer;
        });
        var reports = new List<PullProgress>();
        string path = await Pull(server, $"{Repository}:m.gguf", progress: new Reports(reports));
        File.ReadAllBytes(path).ShouldBe(Content);
        server.Requests.Skip(1).Select(request => request.From).ShouldBe([0, 333_333, 666_666, 999_999]);
        reports[^1].ShouldBe(new PullProgress("m.gguf", Content.Length, Content.Length));
        reports.Select(report => report.Done).ShouldBeInOrder();
    }

    [Fact]
    public async Task Server_without_ranges_starts_anew()
    {
        using HubServer server = new(request => request.Path.Contains("resolve")
            ? new HubAnswer(200, Content)
            : Answer(request, ("m.gguf", Content)));
        string path = Path.Combine(_folder.Path, "models", "owner", "name", "m.gguf");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path + ".part", new byte[500]);
        await Pull(server, $"{Repository}:m.gguf");
        server.Requests[1].From.ShouldBe(500);
        File.ReadAllBytes(path).ShouldBe(Content);
    }

    [Fact]
    public async Task Wrong_content_is_thrown_away()
    {
        byte[] wrong = [.. Content];
        wrong[77] ^= 1;
        using HubServer server = new(request => request.Path.Contains("resolve")
            ? new HubAnswer(200, wrong)
            : Answer(request, ("m.gguf", Content)));
        (await Refusal(server, $"{Repository}:m.gguf")).ShouldContain("checksum");
        Files().ShouldAllBe(file => file.EndsWith(".part") && new FileInfo(file).Length == 0);
    }

    [Fact]
    public async Task Small_files_are_checked_by_their_git_hash()
    {
        using HubServer server = new(request => request.Path.Contains("config.json")
            ? new HubAnswer(200, "[]"u8.ToArray())
            : Answer(request, ("config.json", Config), ("model.safetensors", Content)));
        (await Refusal(server, Repository)).ShouldContain("config.json");
    }

    [Theory]
    [InlineData(999_999)]
    [InlineData(2_000_000)]
    public async Task Lie_about_the_length_is_refused(int stated)
    {
        using HubServer server = new(request => request.Path.Contains("resolve")
            ? new HubAnswer(200, Content, StatedLength: stated)
            : Answer(request, ("m.gguf", Content)));
        (await Refusal(server, $"{Repository}:m.gguf")).ShouldContain($"{stated} bytes are offered");
    }

    [Fact]
    public async Task More_than_was_promised_is_refused()
    {
        using HubServer server = new(request => request.Path.Contains("resolve")
            ? new HubAnswer(200, [.. Content, 1, 2, 3], StatedLength: -1)
            : Answer(request, ("m.gguf", Content)));
        (await Refusal(server, $"{Repository}:m.gguf")).ShouldContain("more arrives");
    }

    [Fact]
    public async Task Token_goes_to_the_hub_and_no_other_host()
    {
        using HubServer storage = new(_ => new HubAnswer(200, Content));
        using HubServer server = new(request => request.Path.Contains("resolve")
            ? new HubAnswer(302, [], [("Location", $"{storage.Address}store/m?signature=1")])
            : Answer(request, ("m.gguf", Content)));
        string path = await Pull(server, $"{Repository}:m.gguf", token: "hf_secret");
        File.ReadAllBytes(path).ShouldBe(Content);
        server.Requests.ShouldAllBe(request => request.Headers["authorization"] == "Bearer hf_secret");
        storage.Requests.ShouldHaveSingleItem().Headers.ShouldNotContainKey("authorization");
    }

    [Fact]
    public async Task Redirects_without_end_or_to_other_schemes_are_refused()
    {
        using HubServer circle = new(request => new HubAnswer(302, [], [("Location", request.Path)]));
        (await Refusal(circle, Repository)).ShouldContain("redirects more than 10 times");
        using HubServer local = new(_ => new HubAnswer(302, [], [("Location", "file:///etc/passwd")]));
        (await Refusal(local, Repository)).ShouldContain("unprotected");
    }

    [Theory]
    [InlineData(401, "HF_TOKEN")]
    [InlineData(403, "HF_TOKEN")]
    [InlineData(404, "no such model")]
    [InlineData(418, "418")]
    public async Task What_will_not_change_is_refused_at_once(int status, string part)
    {
        using HubServer server = new(_ => new HubAnswer(status, []));
        (await Refusal(server, Repository)).ShouldContain(part);
        server.Requests.ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Passing_trouble_is_waited_for(int status)
    {
        int asked = 0;
        using HubServer server = new(request => Interlocked.Increment(ref asked) % 3 != 0
            ? new HubAnswer(status, [], [("Retry-After", "0")])
            : Answer(request, ("m.gguf", Content)));
        File.ReadAllBytes(await Pull(server, Repository)).ShouldBe(Content);
        server.Requests.Count.ShouldBe(6);
        using HubServer never = new(_ => new HubAnswer(status, []));
        (await Refusal(never, "owner/other")).ShouldContain($"after 3 attempts");
    }

    [Fact]
    public async Task Unreachable_hub_is_named()
    {
        HubServer server = new(_ => new HubAnswer(200, []));
        server.Dispose();
        (await Refusal(server, Repository)).ShouldContain("127.0.0.1");
    }

    [Theory]
    [InlineData("../evil.gguf")]
    [InlineData("/etc/evil.gguf")]
    [InlineData("a/../../evil.gguf")]
    [InlineData("c:evil.gguf")]
    [InlineData("a\\\\evil.gguf")]
    [InlineData("evil\\n.gguf")]
    [InlineData(".")]
    [InlineData("")]
    public async Task Names_that_leave_the_folder_are_refused(string name)
    {
        using HubServer server = new(_ => Json($$"""{"sha":"{{Commit}}","siblings":[{"rfilename":"{{name}}","size":1,"blobId":"00"}]}"""));
        (await Refusal(server, Repository)).ShouldContain("no safe name");
    }

    [Fact]
    public async Task A_file_that_could_not_be_checked_is_not_fetched()
    {
        using HubServer server = new(_ => Json($$"""{"sha":"{{Commit}}","siblings":[{"rfilename":"a.gguf","size":1}]}"""));
        (await Refusal(server, Repository)).ShouldContain("no checksum");
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"sha":7}""")]
    [InlineData("""{"sha":"../../x","siblings":[]}""")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"a"}]}""")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"a","size":"many"}]}""")]
    [InlineData("""{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"a","size":-1}]}""")]
    public async Task Damaged_list_of_files_is_refused(string json)
    {
        using HubServer server = new(_ => Json(json));
        (await Refusal(server, Repository)).ShouldNotContain("\n");
    }

    [Fact]
    public async Task Choice_of_files_follows_the_repository()
    {
        using HubServer several = new(request => Answer(request, ("a.gguf", Config), ("b.gguf", Config)));
        (await Refusal(several, Repository)).ShouldContain("owner/name:FILE of a.gguf, b.gguf");
        (await Refusal(several, $"{Repository}:c.gguf")).ShouldContain("a.gguf, b.gguf");
        using HubServer none = new(request => Answer(request, ("readme.md", Config)));
        (await Refusal(none, Repository)).ShouldContain("neither GGUF files");

        using HubServer folder = new(request => Answer(request, ("config.json", Config), ("model.safetensors", Content), ("readme.md", Config), ("x.gguf", Config)));
        string path = await Pull(folder, Repository);
        Directory.GetFiles(path).Select(Path.GetFileName).Order().ShouldBe(["config.json", "model.safetensors"]);

        using HubServer split = new(request => Answer(request, ("q/m-00001-of-00002.gguf", Config), ("q/m-00002-of-00002.gguf", Content)));
        (await Pull(split, "owner/split:q/m-00002-of-00002.gguf")).ShouldEndWith("m-00001-of-00002.gguf");
        var cache = new ModelCache(_folder.Path);
        cache.List().Select(model => model.Name).ShouldBe([Repository, "owner/split:q/m-00001-of-00002.gguf"]);
        cache.List()[1].Bytes.ShouldBe(Content.Length + Config.Length);
        cache.Find(ModelName.TryParse("owner/split")!).ShouldEndWith("m-00001-of-00002.gguf");
        cache.Find(ModelName.TryParse("owner/none")!).ShouldBeNull();
    }

    [Fact]
    public async Task Offline_nothing_is_asked()
    {
        using HubServer server = new(request => Answer(request, ("m.gguf", Content)));
        var offline = new ModelHub(Settings(server) with { Offline = true });
        ModelName name = ModelName.TryParse(Repository)!;
        (await Should.ThrowAsync<HubException>(() => offline.PullAsync(name))).Message.ShouldContain("offline");
        server.Requests.ShouldBeEmpty();
        string path = await Pull(server, Repository);
        (await offline.PullAsync(name)).ShouldBe(path);
        server.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Interrupted_pull_keeps_what_has_arrived()
    {
        using var cancellation = new CancellationTokenSource();
        using HubServer server = new(request =>
        {
            HubAnswer answer = Answer(request, ("m.gguf", Content));
            return request.Path.Contains("resolve") ? answer with { Body = answer.Body[..300_000], StatedLength = answer.Body.Length } : answer;
        });
        var cancelling = new CancelAt(300_000, cancellation);
        await Should.ThrowAsync<OperationCanceledException>(
            () => new ModelHub(Settings(server)).PullAsync(ModelName.TryParse(Repository)!, cancelling, cancellation.Token));
        new FileInfo(Files().ShouldHaveSingleItem()).Length.ShouldBe(300_000);
    }

    [Fact]
    public void Settings_follow_the_environment()
    {
        var variables = new Dictionary<string, string> { ["HF_ENDPOINT"] = "https://mirror.example/", ["HF_TOKEN"] = " t ", ["HF_HUB_OFFLINE"] = "1", ["PRESCORE_HOME"] = "/cache" };
        HubSettings settings = HubSettings.FromEnvironment(variables.GetValueOrDefault);
        (settings.Endpoint, settings.Token, settings.Offline, settings.CacheFolder).ShouldBe((new Uri("https://mirror.example"), "t", true, "/cache"));
        HubSettings plain = HubSettings.FromEnvironment(_ => null);
        (plain.Endpoint, plain.Token, plain.Offline).ShouldBe((HubSettings.PublicEndpoint, null, false));
        plain.CacheFolder.ShouldEndWith("prescore");
        Should.Throw<HubException>(() => HubSettings.FromEnvironment(name => name == "HF_ENDPOINT" ? "ftp://x" : null));
    }

    [Theory]
    [InlineData("owner/name", "owner/name", null)]
    [InlineData("owner/name:f/a.gguf", "owner/name", "f/a.gguf")]
    [InlineData("name", null, null)]
    [InlineData("a/b/c", null, null)]
    [InlineData("../b", null, null)]
    [InlineData("a/b:../c", null, null)]
    [InlineData("a/b:", null, null)]
    public void Names_are_parsed(string text, string? repository, string? file)
    {
        ModelName? name = ModelName.TryParse(text);
        (name?.Repository, name?.File).ShouldBe((repository, file));
    }

    private static HubAnswer Answer(HubRequest request, params (string Name, byte[] Content)[] files)
    {
        if (request.Path.StartsWith("/api/"))
        {
            return Json($$"""{"sha":"{{Commit}}","siblings":[{{string.Join(',', files.Select(Describe))}}]}""");
        }
        byte[] content = files.First(file => request.Path == $"{request.Path[..request.Path.IndexOf("/resolve/", StringComparison.Ordinal)]}/resolve/{Commit}/{file.Name}").Content;
        return request.From == 0
            ? new HubAnswer(200, content)
            : new HubAnswer(206, content[request.From..], [("Content-Range", $"bytes {request.From}-{content.Length - 1}/{content.Length}")]);
    }

    private static string Describe((string Name, byte[] Content) file)
    {
        byte[] blob = [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Content.Length}\0")), .. file.Content];
        string large = file.Content.Length > 100
            ? $$""","lfs":{"sha256":"{{Convert.ToHexStringLower(SHA256.HashData(file.Content))}}","size":{{file.Content.Length}}}"""
            : "";
        return $$"""{"rfilename":"{{file.Name}}","size":{{file.Content.Length}},"blobId":"{{Convert.ToHexStringLower(SHA1.HashData(blob))}}"{{large}}}""";
    }

    private static HubAnswer Json(string text) => new(200, Encoding.UTF8.GetBytes(text));

    private string[] Files() => Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories);

    private HubSettings Settings(HubServer server, string? token = null) => new()
    {
        Endpoint = server.Address,
        CacheFolder = _folder.Path,
        Token = token,
        Attempts = 3,
        Pause = TimeSpan.FromMilliseconds(1),
    };

    private Task<string> Pull(HubServer server, string name, string? token = null, IProgress<PullProgress>? progress = null) =>
        new ModelHub(Settings(server, token)).PullAsync(ModelName.TryParse(name)!, progress);

    private async Task<string> Refusal(HubServer server, string name)
    {
        string message = (await Should.ThrowAsync<HubException>(() => Pull(server, name))).Message;
        message.ShouldNotContain("\n");
        return message;
    }

    private sealed class Reports(List<PullProgress> reports) : IProgress<PullProgress>
    {
        public void Report(PullProgress value) => reports.Add(value);
    }

    private sealed class CancelAt(long bytes, CancellationTokenSource cancellation) : IProgress<PullProgress>
    {
        public void Report(PullProgress value)
        {
            if (value.Done >= bytes)
            {
                cancellation.Cancel();
            }
        }
    }
}
