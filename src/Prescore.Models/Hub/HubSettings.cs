namespace Prescore.Models.Hub;

/// <summary>Where models come from and where they are kept. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).</summary>
public sealed record HubSettings
{
    /// <summary>The hub that is asked where <c>HF_ENDPOINT</c> names no other.</summary>
    public static readonly Uri PublicEndpoint = new("https://huggingface.co");

    /// <summary>The hub.</summary>
    public Uri Endpoint { get; init; } = PublicEndpoint;

    /// <summary>The user's token, sent to <see cref="Endpoint"/> alone; null: none.</summary>
    public string? Token { get; init; }

    /// <summary>Whether nothing may be fetched.</summary>
    public bool Offline { get; init; }

    /// <summary>The folder of all fetched models.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>How often a file is asked for before it is given up; what has arrived is kept between the attempts.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Pause before the second attempt; it doubles with each one, and the hub may ask for a longer one.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait for the next bytes.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Settings by the environment: <c>HF_ENDPOINT</c>, <c>HF_TOKEN</c>, <c>HF_HUB_OFFLINE</c>, and the cache in
    /// <c>PRESCORE_HOME</c>, or else in the user's folder for caches (<c>XDG_CACHE_HOME</c>, the local application data).
    /// </summary>
    /// <param name="variable">The environment; null: the process's own.</param>
    /// <exception cref="HubException">HF_ENDPOINT is no http(s) address.</exception>
    public static HubSettings FromEnvironment(Func<string, string?>? variable = null)
    {
        variable ??= Environment.GetEnvironmentVariable;
        string? Value(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;
        string endpoint = Value("HF_ENDPOINT") ?? PublicEndpoint.ToString();
        return new HubSettings
        {
            Endpoint = Uri.TryCreate(endpoint.TrimEnd('/'), UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
                ? uri
                : throw new HubException($"HF_ENDPOINT is '{endpoint}', no http or https address"),
            Token = Value("HF_TOKEN"),
            Offline = Value("HF_HUB_OFFLINE") is string offline && offline != "0" && !offline.Equals("false", StringComparison.OrdinalIgnoreCase),
            CacheFolder = Value("PRESCORE_HOME") ?? Path.Combine(UserCache(Value("XDG_CACHE_HOME")), "prescore"),
        };
    }

    private static string UserCache(string? xdg) =>
        xdg is not null && Path.IsPathFullyQualified(xdg) ? xdg
        : OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
}
