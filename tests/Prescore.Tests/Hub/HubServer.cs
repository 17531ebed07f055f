using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Prescore.Tests.Hub;

/// <summary>An answer of the test server.</summary>
/// <param name="Status">Status code.</param>
/// <param name="Body">Bytes that are sent.</param>
/// <param name="Headers">Further headers.</param>
/// <param name="StatedLength">The Content-Length header; null: the body's; negative: none.</param>
internal sealed record HubAnswer(int Status, byte[] Body, (string Name, string Value)[]? Headers = null, long? StatedLength = null);

/// <summary>What the client asked for.</summary>
internal sealed record HubRequest(string Path, Dictionary<string, string> Headers)
{
    /// <summary>First byte of the range that is asked for.</summary>
    public int From => Headers.TryGetValue("range", out string? range) ? int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture) : 0;
}

/// <summary>A small HTTP server on the loopback that answers as a test says, and ends the connection after every answer.</summary>
internal sealed class HubServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<HubRequest, HubAnswer> _answer;

    public HubServer(Func<HubRequest, HubAnswer> answer)
    {
        _answer = answer;
        _listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    public List<HubRequest> Requests { get; } = [];

    public void Dispose() => _listener.Stop();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync();
                await AnswerAsync(client.GetStream());
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or IOException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        string path = (await reader.ReadLineAsync())!.Split(' ')[1];
        var headers = new Dictionary<string, string>();
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
        {
            string[] pair = line.Split(": ", 2);
            headers[pair[0].ToLowerInvariant()] = pair[1];
        }
        var request = new HubRequest(path, headers);
        lock (Requests)
        {
            Requests.Add(request);
        }
        HubAnswer answer = _answer(request);
        var head = new StringBuilder($"HTTP/1.1 {answer.Status} Status\r\nConnection: close\r\n");
        if ((answer.StatedLength ?? answer.Body.Length) is >= 0 and var length)
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {length}\r\n");
        }
        foreach ((string name, string value) in answer.Headers ?? [])
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
            await stream.WriteAsync(answer.Body);
            await stream.FlushAsync();
            stream.Socket.Shutdown(SocketShutdown.Send);
            await stream.ReadExactlyAsync(new byte[1]);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            // The client has closed the connection: it has, or wants, no more.
        }
    }
}
