using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Prescore.Models.Hub;

/// <summary>
/// Requests to the hub. Redirects are followed here, not by the client, so that the token goes to the hub alone: a file's
/// content usually lies on another host.
/// </summary>
internal sealed class HubRequests : IDisposable
{
    private const int MaximumRedirects = 10;

    private readonly HubSettings _settings;
    private readonly HttpClient _client;

    public HubRequests(HubSettings settings)
    {
        _settings = settings;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = settings.Patience,
        };
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("prescore", "1"));
    }

    /// <summary>Asks for a path of the hub, from a byte on; returns when the head of the answer is there.</summary>
    /// <exception cref="HubException">Redirects without end or to an unprotected address.</exception>
    /// <exception cref="HttpRequestException">No connection.</exception>
    /// <exception cref="TimeoutException">No answer within the settings' patience.</exception>
    public async Task<HttpResponseMessage> GetAsync(string path, long from, CancellationToken cancellationToken)
    {
        Uri uri = new($"{_settings.Endpoint.ToString().TrimEnd('/')}/{path}");
        for (int i = 0; i <= MaximumRedirects; i++)
        {
            HttpResponseMessage response = await SendAsync(uri, from, cancellationToken);
            if (response.Headers.Location is not Uri location || (int)response.StatusCode is < 300 or >= 400)
            {
                return response;
            }
            response.Dispose();
            Uri next = new(uri, location);
            if (next.Scheme != "https" && next.Scheme != uri.Scheme || next.Scheme is not ("http" or "https"))
            {
                throw new HubException($"{uri.Host} sends to an unprotected address, {next.Host}");
            }
            uri = next;
        }
        throw new HubException($"{_settings.Endpoint.Host} redirects more than {MaximumRedirects} times");
    }

    /// <summary>Refuses what more attempts will not change; true where the request may be tried again.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="what">What was asked for.</param>
    /// <exception cref="HubException">It will not change.</exception>
    public bool ShouldRetry(HttpResponseMessage response, string what)
    {
        int status = (int)response.StatusCode;
        return status switch
        {
            401 or 403 => throw new HubException(
                $"{what}: the hub refuses ({status}); "
                + (_settings.Token is null ? "if the model is private or has terms to accept, set HF_TOKEN to your token" : "HF_TOKEN gives no leave, or the model's terms are not accepted")),
            404 => throw new HubException($"{what}: the hub has no such model or file (404)"),
            408 or 429 or >= 500 => true,
            _ => throw new HubException($"{what}: the hub answers {status} {response.ReasonPhrase}"),
        };
    }

    /// <summary>The pause that an answer asks for, at most a minute.</summary>
    public static TimeSpan RetryAfter(HttpResponseMessage response)
    {
        TimeSpan asked = response.Headers.RetryAfter?.Delta ?? TimeSpan.Zero;
        return asked < TimeSpan.FromMinutes(1) ? asked : TimeSpan.FromMinutes(1);
    }

    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage> SendAsync(Uri uri, long from, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        if (_settings.Token is string token && IsHub(uri))
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        }
        if (from > 0)
        {
            request.Headers.TryAddWithoutValidation("Range", string.Create(CultureInfo.InvariantCulture, $"bytes={from}-"));
        }
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            .WaitAsync(_settings.Patience, cancellationToken);
    }

    private bool IsHub(Uri uri) =>
        uri.Scheme == _settings.Endpoint.Scheme && uri.IdnHost == _settings.Endpoint.IdnHost && uri.Port == _settings.Endpoint.Port;
}
