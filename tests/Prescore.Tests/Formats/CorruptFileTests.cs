using System.Text;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Safetensors;
using Prescore.Tests.Formats.Gguf;

namespace Prescore.Tests.Formats;

/// <summary>Damaged model files, see <see cref="CorruptInputs"/>.</summary>
public class CorruptFileTests
{
    private const string Config = """
        {"model_type":"llama","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":16,
        "intermediate_size":160,"vocab_size":320,"max_position_embeddings":256,"rms_norm_eps":1e-5,"rope_theta":10000.0,
        "rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":256},
        "tie_word_embeddings":false,"torch_dtype":"float32","hidden_act":"silu","attention_bias":false}
        """;

    [Fact]
    public void Corrupt_gguf_raises_nothing_but_a_format_error() => CorruptInputs.Check(TinyGguf.Build(), "t.gguf", path =>
    {
        using GgufFile file = GgufFile.Open(path);
        foreach (string key in file.Metadata.Keys)
        {
            file.Metadata.GetTypeName(key).ShouldNotBeEmpty();
        }
        ReadAll(file);
    });

    [Fact]
    public void Corrupt_safetensors_raises_nothing_but_a_format_error()
    {
        using TemporaryFolder folder = new();
        SafetensorsWriter writer = new();
        writer.Add("a", new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3);
        writer.Add("b", new double[] { 7, 8 }, 2);
        writer.Add("c", new Half[] { (Half)1 }, 1);
        writer.AddMetadata("format", "pt");
        writer.Save(folder.File("whole.safetensors"));
        CorruptInputs.Check(File.ReadAllBytes(folder.File("whole.safetensors")), "t.safetensors", path =>
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            ReadAll(file);
        });
    }

    [Fact]
    public void Corrupt_index_raises_nothing_but_a_format_error()
    {
        using TemporaryFolder folder = new();
        byte[] index = Encoding.UTF8.GetBytes("""{"metadata":{"total_size":4},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}""");
        CorruptInputs.Check(index, "model.safetensors.index.json", path => TensorSource.Open(path).Dispose());
    }

    [Fact]
    public void Corrupt_config_raises_nothing_but_a_format_error()
    {
        using TemporaryFolder weights = new();
        new SafetensorsWriter().Save(weights.File("model.safetensors"));
        byte[] empty = File.ReadAllBytes(weights.File("model.safetensors"));
        int serial = 0;
        // No weights follow: every valid configuration ends with the first tensor that is missing.
        CorruptInputs.Check(Encoding.UTF8.GetBytes(Config), "config.json", path =>
        {
            string folder = Path.Combine(Path.GetDirectoryName(path)!, $"m{Interlocked.Increment(ref serial)}");
            Directory.CreateDirectory(folder);
            try
            {
                File.Copy(path, Path.Combine(folder, "config.json"));
                File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), empty);
                CausalModel.Load(folder).Dispose();
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }, leastRefused: 1);
    }

    private static void ReadAll(ITensorSource source)
    {
        foreach (StoredTensor tensor in source.Tensors)
        {
            source.ReadFloats(tensor.Name).Length.ShouldBe((int)tensor.Count);
        }
    }
}
