using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Prescore.Models.Hub;

/// <summary>
/// Fetches one file: into a name of its own that a later call goes on with, checked against size and checksum, then renamed.
/// </summary>
internal sealed class HubDownload(HubRequests requests, HubSettings settings, string path, HubFile file, string target)
{
    private const int BufferBytes = 256 * 1024;

    /// <param name="progress">Receives the bytes that are there.</param>
    /// <param name="cancellationToken">Stops; what has arrived stays for the next time.</param>
    /// <exception cref="HubException">It cannot be fetched, or is not what was promised.</exception>
    public async Task RunAsync(IProgress<long>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        string part = target + ModelCache.PartSuffix;
        if (file is { Sha256: null, GitHash: null })
        {
            throw new HubException($"{file.Name}: the hub names no checksum of it, so that what arrives could not be checked; nothing was fetched");
        }
        // Held alone, so that two processes never write one file.
        await using (FileStream stream = new(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            if (stream.Length > file.Size)
            {
                stream.SetLength(0);
            }
            RequireSpace(file.Size - stream.Length);
            await FillAsync(stream, progress, cancellationToken);
            if (!await HasChecksumAsync(stream, file, cancellationToken))
            {
                stream.SetLength(0);
                throw new HubException($"{file.Name}: what arrived has another checksum than the hub says; it was thrown away, try again");
            }
        }
        File.Move(part, target, overwrite: true);
    }

    /// <summary>Whether a file has the promised size and content.</summary>
    public static async Task<bool> IsCompleteAsync(string target, HubFile file, CancellationToken cancellationToken)
    {
        if (!File.Exists(target) || new FileInfo(target).Length != file.Size)
        {
            return false;
        }
        await using FileStream stream = File.OpenRead(target);
        return await HasChecksumAsync(stream, file, cancellationToken);
    }

    private async Task FillAsync(FileStream stream, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        TimeSpan pause = settings.Pause;
        for (int attempt = 1; stream.Length < file.Size; attempt++)
        {
            long before = stream.Length;
            string problem;
            TimeSpan asked = TimeSpan.Zero;
            try
            {
                using HttpResponseMessage response = await requests.GetAsync(path, stream.Length, cancellationToken);
                if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
                {
                    await ReceiveAsync(response, stream, progress, cancellationToken);
                    if (stream.Length == file.Size)
                    {
                        return;
                    }
                    problem = "the connection ended early";
                }
                else
                {
                    requests.ShouldRetry(response, file.Name);
                    problem = $"the hub answers {(int)response.StatusCode}";
                    asked = HubRequests.RetryAfter(response);
                }
            }
            catch (Exception error) when (error is HttpRequestException or TimeoutException || error is IOException and not HubException)
            {
                problem = error.Message;
            }
            if (stream.Length > before)
            {
                // Something came: a long file over a bad line may need many attempts.
                (attempt, pause) = (0, settings.Pause);
            }
            else if (attempt >= settings.Attempts)
            {
                throw new HubException($"{file.Name}: given up after {attempt} attempts ({problem}); {stream.Length} of {file.Size} bytes are kept, try again later");
            }
            await Task.Delay(asked > pause ? asked : pause, cancellationToken);
            pause *= 2;
        }
    }

    private async Task ReceiveAsync(HttpResponseMessage response, FileStream stream, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        if (response.StatusCode != HttpStatusCode.PartialContent || response.Content.Headers.ContentRange?.From != stream.Length)
        {
            // The whole file comes, or another range than was asked for, or none: only the first is of use.
            stream.SetLength(0);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return;
            }
        }
        long end = stream.Length + (response.Content.Headers.ContentLength ?? file.Size - stream.Length);
        if (end != file.Size)
        {
            throw new HubException(string.Create(
                CultureInfo.InvariantCulture, $"{file.Name}: {end} bytes are offered where the hub's list says {file.Size}"));
        }
        stream.Seek(0, SeekOrigin.End);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[BufferBytes];
        while (true)
        {
            int read = await body.ReadAsync(buffer, cancellationToken).AsTask().WaitAsync(settings.Patience, cancellationToken);
            if (read == 0)
            {
                return;
            }
            if (stream.Length + read > file.Size)
            {
                stream.SetLength(0);
                throw new HubException($"{file.Name}: more arrives than the {file.Size} bytes that the hub's list says");
            }
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            await stream.FlushAsync(cancellationToken);
            progress?.Report(stream.Length);
        }
    }

    private static async Task<bool> HasChecksumAsync(FileStream stream, HubFile file, CancellationToken cancellationToken)
    {
        stream.Seek(0, SeekOrigin.Begin);
        if (file.Sha256 is string sha256)
        {
            return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken)) == sha256;
        }
#pragma warning disable CA5350 // git's names of its objects are SHA-1
        using var git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        git.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Size}\0")));
        var buffer = new byte[BufferBytes];
        for (int read; (read = await stream.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            git.AppendData(buffer, 0, read);
        }
        return Convert.ToHexStringLower(git.GetHashAndReset()) == file.GitHash;
    }

    private void RequireSpace(long bytes)
    {
        long free = new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(target))!).AvailableFreeSpace;
        if (free < bytes)
        {
            throw new HubException($"{file.Name}: {bytes} bytes are to come and the cache's disk has {free} free");
        }
    }
}
