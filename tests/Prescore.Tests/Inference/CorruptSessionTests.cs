using System.Security.Cryptography;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Tests.Families;
using Prescore.Tests.Formats;

namespace Prescore.Tests.Inference;

/// <summary>Damaged session files, see <see cref="CorruptInputs"/>: with the checksum that they have, and with one that fits the damage.</summary>
public class CorruptSessionTests
{
    [Theory]
    [InlineData("exact", 40, false)]
    [InlineData("exact", 40, true)]
    [InlineData("clustered:error=0.1", 40, true)]
    [InlineData("clustered:error=0.1", 520, true)]
    public void A_corrupt_session_raises_nothing_but_a_format_error(string method, int length, bool repaired)
    {
        using var folder = new TemporaryFolder();
        var llama = new RandomLlama();
        llama.Metadata["llama.context_length"] = 4096u;
        llama.Write(folder.File("model.gguf"));
        using CausalModel model = CausalModel.Load(folder.File("model.gguf"));
        IAttention attention = AttentionMethods.Create(method);
        using (var session = new CausalSession(model, attention, AttentionOptions.Default))
        {
            session.Append([.. Enumerable.Range(0, length).Select(i => i * 37 % 50)], []);
            SessionFile.Save(session, folder.File("whole"));
        }
        AttentionOptions options = AttentionOptions.Default with { Threads = 1 };
        CorruptInputs.Check(
            File.ReadAllBytes(folder.File("whole")),
            "session",
            path =>
            {
                using CausalSession read = SessionFile.Load(path, model, attention, options);
                try
                {
                    read.Append([1], []);
                }
                catch (LogitOverflowException)
                {
                    // Keys may be as large as floats are.
                }
            },
            leastRefused: repaired ? 0.3 : 0.9,
            cost: length > 40 ? 0.05 : 0.25,
            repair: repaired ? WithChecksum : null);
    }

    private static byte[] WithChecksum(byte[] bytes)
    {
        if (bytes.Length >= SHA256.HashSizeInBytes)
        {
            SHA256.HashData(bytes.AsSpan(0, bytes.Length - SHA256.HashSizeInBytes), bytes.AsSpan(bytes.Length - SHA256.HashSizeInBytes));
        }
        return bytes;
    }
}
