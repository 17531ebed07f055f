using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Formats;

namespace Prescore.Models.Inference;

/// <summary>
/// Sessions in files: a long prompt is computed once and taken up again later. A file holds a header (what it was made
/// with), the tokens, and of every layer keys, values and what else cannot be derived anew (<see cref="ISavableCache"/>). A
/// SHA-256 of all of it ends the file.
/// </summary>
public static class SessionFile
{
    private const int Version = 3;
    private const int MaximumHeaderBytes = 1 << 20;
    private const int BufferBytes = 1 << 20;
    private const string Advice = "compute the session anew";

    private static ReadOnlySpan<byte> Magic => "PRESCORS"u8;

    /// <summary>Writes a session; the file is complete or as it was before.</summary>
    /// <param name="session">The session.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="SessionNotSavableException">The method's caches cannot be saved; the message names the method.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(CausalSession session, string path)
    {
        ISavableCache[] caches = session.SavableCaches();
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(Header.Of(session));
        AtomicFile.Write(path, stream =>
        {
            using var hash = SHA256.Create();
            using (var hashed = new BufferedStream(new CryptoStream(stream, hash, CryptoStreamMode.Write, leaveOpen: true), BufferBytes))
            {
                hashed.Write(Magic);
                Span<byte> length = stackalloc byte[sizeof(int)];
                BinaryPrimitives.WriteInt32LittleEndian(length, header.Length);
                hashed.Write(length);
                hashed.Write(header);
                hashed.Write(MemoryMarshal.AsBytes<int>(session.Tokens.ToArray()));
                foreach (ISavableCache cache in caches)
                {
                    cache.Save(hashed);
                }
            }
            stream.Write(hash.Hash!);
        });
    }

    /// <summary>Reads a session that was saved with the same model, method, options and version.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The model.</param>
    /// <param name="attention">The method.</param>
    /// <param name="options">Seed, and threads and SIMD path, which may be others than when it was saved.</param>
    /// <exception cref="ModelFormatException">The file is damaged or was made with something else; the message says what.</exception>
    /// <exception cref="SessionNotSavableException">The method's caches cannot be saved.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static CausalSession Load(string path, CausalModel model, IAttention attention, AttentionOptions options)
    {
        using FileStream stream = File.OpenRead(path);
        Header header = ReadHeader(path, stream);
        var session = new CausalSession(model, attention, options);
        try
        {
            header.Require(path, Header.Of(session));
            if (header.Tokens < 0 || header.Tokens > model.ContextLimit)
            {
                throw new ModelFormatException(path, $"the session has {header.Tokens} tokens, the model takes {model.ContextLimit}", Advice);
            }
            RequireChecksum(path, stream);
            ReadContent(stream, header.Tokens, session);
            return session;
        }
        catch (Exception error) when (error is EndOfStreamException or InvalidDataException)
        {
            session.Dispose();
            throw new ModelFormatException(path, $"the session's content is damaged: {error.Message}", Advice);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>All that a session's content depends on besides its tokens, as <see cref="Load"/> compares it.</summary>
    public static string IdentityOf(CausalSession session) => JsonSerializer.Serialize(Header.Of(session) with { Tokens = 0 });

    private static void ReadContent(FileStream stream, int count, CausalSession session)
    {
        long end = stream.Length - SHA256.HashSizeInBytes;
        if (end - stream.Position < (long)sizeof(int) * count)
        {
            throw new EndOfStreamException();
        }
        var tokens = new int[count];
        stream.ReadExactly(MemoryMarshal.AsBytes(tokens.AsSpan()));
        if (Array.Exists(tokens, token => token < 0 || token >= session.Model.Configuration.VocabularySize))
        {
            throw new InvalidDataException("a token is none of the vocabulary");
        }
        using var buffered = new BufferedStream(stream, BufferBytes);
        foreach (ISavableCache cache in session.SavableCaches())
        {
            cache.Load(buffered, count);
        }
        if (buffered.Position != end)
        {
            throw new InvalidDataException($"it ends at {buffered.Position}, not {end}");
        }
        session.Restore(tokens);
    }

    private static Header ReadHeader(string path, FileStream stream)
    {
        Span<byte> start = stackalloc byte[12];
        if (stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length || !start[..8].SequenceEqual(Magic))
        {
            throw new ModelFormatException(path, "the file is no saved session", "give one that was saved by this program");
        }
        int length = BinaryPrimitives.ReadInt32LittleEndian(start[8..]);
        if (length is < 2 or > MaximumHeaderBytes || length > stream.Length - start.Length)
        {
            throw new ModelFormatException(path, $"the session's header takes {length} bytes", Advice);
        }
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        try
        {
            return JsonSerializer.Deserialize<Header>(bytes) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new ModelFormatException(path, "the session's header is damaged", Advice);
        }
    }

    /// <summary>Leaves the stream where it was.</summary>
    private static void RequireChecksum(string path, FileStream stream)
    {
        long start = stream.Position;
        if (stream.Length - start < SHA256.HashSizeInBytes)
        {
            throw new ModelFormatException(path, "the session's file ends after its header", Advice);
        }
        stream.Position = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        for (long left = stream.Length - SHA256.HashSizeInBytes; left > 0;)
        {
            int count = (int)Math.Min(left, buffer.Length);
            stream.ReadExactly(buffer, 0, count);
            hash.AppendData(buffer, 0, count);
            left -= count;
        }
        var stored = new byte[SHA256.HashSizeInBytes];
        stream.ReadExactly(stored);
        if (!stored.AsSpan().SequenceEqual(hash.GetHashAndReset()))
        {
            throw new ModelFormatException(path, "the session's checksum does not fit its content", Advice);
        }
        stream.Position = start;
    }

    /// <summary>What a session was made with.</summary>
    private sealed record Header(
        int FormatVersion, string Program, string Model, string Method, ulong Seed, string Storage, string Scaling, string Activations, int Tokens)
    {
        /// <summary>The header of a session.</summary>
        public static Header Of(CausalSession session) => new(
            Version,
            typeof(SessionFile).Assembly.GetName().Version!.ToString(3),
            session.Model.Sha256,
            session.Method.Spec,
            session.Options.Seed,
            string.Join('+', session.SavableCaches().Select(cache => cache.Storage).Distinct()),
            session.Model.Options.Rope?.ToString() ?? "none",
            session.Model.Options.Activations.ToString(),
            session.Length);

        /// <summary>Refuses to take up what was made with something else.</summary>
        public void Require(string path, Header wanted)
        {
            foreach ((string what, object saved, object now) in new (string, object, object)[]
            {
                ("format version", FormatVersion, wanted.FormatVersion),
                ("program version", Program, wanted.Program),
                ("model of SHA-256", Model, wanted.Model),
                ("method", Method, wanted.Method),
                ("seed", Seed, wanted.Seed),
                ("storage", Storage, wanted.Storage),
                ("scaling of positions", Scaling, wanted.Scaling),
                ("activations", Activations, wanted.Activations),
            })
            {
                if (!Equals(saved, now))
                {
                    throw new ModelFormatException(path, $"the session was saved with {what} {saved}, not {now}", Advice);
                }
            }
        }
    }
}
