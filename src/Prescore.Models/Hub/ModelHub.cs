using System.Net;

namespace Prescore.Models.Hub;

/// <summary>How far a model has come.</summary>
/// <param name="File">The file that is being fetched.</param>
/// <param name="Done">Bytes of the whole model that are there.</param>
/// <param name="Total">Bytes of the whole model.</param>
public readonly record struct PullProgress(string File, long Done, long Total);

/// <summary>Fetches models from a hub of Hugging Face's kind into the user's cache. Nothing else in this library uses the network.</summary>
public sealed class ModelHub(HubSettings settings)
{
    // Descriptions of the largest repositories take a few MB.
    private const long MaximumListBytes = 50_000_000;

    private readonly ModelCache _cache = new(settings.CacheFolder);

    /// <summary>
    /// Fetches a model; files that are there and right are kept, unfinished ones go on where they stopped.
    /// </summary>
    /// <param name="name">The model.</param>
    /// <param name="progress">Receives how far it is.</param>
    /// <param name="cancellationToken">Stops; what has arrived stays for the next time.</param>
    /// <returns>The path to open: a GGUF file or a folder.</returns>
    /// <exception cref="HubException">It cannot be fetched; in offline mode, it is not in the cache.</exception>
    public async Task<string> PullAsync(ModelName name, IProgress<PullProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (settings.Offline)
        {
            return _cache.Find(name) ?? throw new HubException($"{name} is not in the cache, and nothing is fetched in offline mode");
        }
        using var requests = new HubRequests(settings);
        (string commit, HubFile[] all) = await ListAsync(requests, name.Repository, cancellationToken);
        HubFile[] files = HubSelection.Choose(name, all);
        long total = files.Sum(file => file.Size), done = 0;
        foreach (HubFile file in files)
        {
            string target = Path.Combine([_cache.FolderOf(name.Repository), .. file.Name.Split('/')]);
            if (!await HubDownload.IsCompleteAsync(target, file, cancellationToken))
            {
                long before = done;
                string path = $"{name.Repository}/resolve/{commit}/{string.Join('/', file.Name.Split('/').Select(Uri.EscapeDataString))}";
                await new HubDownload(requests, settings, path, file, target).RunAsync(
                    progress is null ? null : new Progress(bytes => progress.Report(new PullProgress(file.Name, before + bytes, total))), cancellationToken);
            }
            done += file.Size;
            progress?.Report(new PullProgress(file.Name, done, total));
        }
        string first = files.Select(file => file.Name).Order(StringComparer.Ordinal).First(file => name.File is null || SplitName.Stem(file) == SplitName.Stem(name.File));
        return name.File is not null || files.All(file => file.Name.EndsWith(".gguf"))
            ? Path.Combine([_cache.FolderOf(name.Repository), .. first.Split('/')])
            : _cache.FolderOf(name.Repository);
    }

    private async Task<(string Commit, HubFile[] Files)> ListAsync(HubRequests requests, string repository, CancellationToken cancellationToken)
    {
        TimeSpan pause = settings.Pause;
        for (int attempt = 1; ; attempt++)
        {
            string problem;
            TimeSpan asked = TimeSpan.Zero;
            try
            {
                using HttpResponseMessage response = await requests.GetAsync($"api/models/{repository}/revision/main?blobs=true", 0, cancellationToken);
                if (response.StatusCode == HttpStatusCode.OK)
                {
                    return HubFile.ReadList(repository, await ReadAllAsync(response, cancellationToken));
                }
                requests.ShouldRetry(response, repository);
                problem = $"the hub answers {(int)response.StatusCode}";
                asked = HubRequests.RetryAfter(response);
            }
            catch (Exception error) when (error is HttpRequestException or TimeoutException || error is IOException and not HubException)
            {
                problem = error.Message;
            }
            if (attempt >= settings.Attempts)
            {
                throw new HubException($"{repository}: given up after {attempt} attempts to reach {settings.Endpoint.Host} ({problem})");
            }
            await Task.Delay(asked > pause ? asked : pause, cancellationToken);
            pause *= 2;
        }
    }

    private async Task<byte[]> ReadAllAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var memory = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read; (read = await body.ReadAsync(buffer, cancellationToken).AsTask().WaitAsync(settings.Patience, cancellationToken)) > 0;)
        {
            memory.Write(buffer, 0, read);
            if (memory.Length > MaximumListBytes)
            {
                throw new HubException($"the hub's list of files is longer than {MaximumListBytes} bytes");
            }
        }
        return memory.ToArray();
    }

    /// <summary>Reports at once, on the thread that downloads.</summary>
    private sealed class Progress(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
