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
/// with), the tokens, and every layer's keys and values as they came, from which a cache derives the rest anew: the file
/// depends neither on the processor nor on how a cache is laid out. A SHA-256 of all of it ends the file.
/// </summary>
public static class SessionFile
{
    private const int Version = 1;
    private const int MaximumHeaderBytes = 1 << 20;
    private const string Advice = "compute the session anew";

    private static ReadOnlySpan<byte> Magic => "PRESCORS"u8;

    /// <summary>Writes a session; the file is complete or as it was before.</summary>
    /// <param name="session">The session.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="NotSupportedException">The method's caches cannot be saved; the message names the method.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(CausalSession session, string path)
    {
        IEnumerable<ISavableCache> caches = session.SavableCaches();
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(Header.Of(session.Model, session.Method, session.Options, session.Length));
        AtomicFile.Write(path, stream =>
        {
            using var hash = SHA256.Create();
            using (var hashed = new CryptoStream(stream, hash, CryptoStreamMode.Write, leaveOpen: true))
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
    /// <exception cref="NotSupportedException">The method's caches cannot be saved.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static CausalSession Load(string path, CausalModel model, IAttention attention, AttentionOptions options)
    {
        using FileStream stream = File.OpenRead(path);
        Header header = ReadHeader(path, stream);
        header.Require(path, Header.Of(model, attention, options, header.Tokens));
        var session = new CausalSession(model, attention, options);
        try
        {
            ISavableCache[] caches = [.. session.SavableCaches()];
            RequireContent(path, stream, header, model);
            var tokens = new int[header.Tokens];
            stream.ReadExactly(MemoryMarshal.AsBytes(tokens.AsSpan()));
            foreach (ISavableCache cache in caches)
            {
                cache.Load(stream, header.Tokens);
            }
            session.Restore(tokens);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
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

    /// <summary>The size follows from the header, so that nothing is allocated for what is not there; then the checksum.</summary>
    private static void RequireContent(string path, FileStream stream, Header header, CausalModel model)
    {
        long start = stream.Position;
        if (header.Tokens < 0 || header.Tokens > model.ContextLimit)
        {
            throw new ModelFormatException(path, $"the session has {header.Tokens} tokens, the model takes {model.ContextLimit}", Advice);
        }
        double rows = model.Blocks.Sum(block => (double)block.Shape.KeyValueHeads * (block.Shape.HeadDimension + block.Shape.ValueDimension));
        double expected = start + sizeof(int) * header.Tokens + sizeof(float) * rows * header.Tokens + SHA256.HashSizeInBytes;
        if (stream.Length != expected)
        {
            throw new ModelFormatException(path, $"the session's file has {stream.Length} bytes where its header asks for {expected:F0}", Advice);
        }
        stream.Position = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
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
    private sealed record Header(int FormatVersion, string Model, string Method, ulong Seed, string Storage, string Scaling, int Tokens)
    {
        /// <summary>The header of a session.</summary>
        public static Header Of(CausalModel model, IAttention attention, AttentionOptions options, int tokens) =>
            new(Version, model.Sha256, attention.Spec, options.Seed, "F32", model.Options.Rope?.ToString() ?? "none", tokens);

        /// <summary>Refuses to take up what was made with something else.</summary>
        public void Require(string path, Header wanted)
        {
            foreach ((string what, object saved, object now) in new (string, object, object)[]
            {
                ("format version", FormatVersion, wanted.FormatVersion),
                ("model of SHA-256", Model, wanted.Model),
                ("method", Method, wanted.Method),
                ("seed", Seed, wanted.Seed),
                ("storage", Storage, wanted.Storage),
                ("scaling of positions", Scaling, wanted.Scaling),
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
