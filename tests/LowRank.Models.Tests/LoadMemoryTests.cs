using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>Loading a model takes the file, mapped, and next to nothing else; also once every weight has been read.</summary>
public class LoadMemoryTests
{
    private const int BFloat16 = 30; // ggml's number of the type

    private static JsonObject Config(bool tied) => JsonNode.Parse($$"""
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 8192, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 5, "num_attention_heads": 12,
         "num_key_value_heads": 4, "hidden_act": "silu", "rms_norm_eps": 1e-05, "max_position_embeddings": 512, "tie_word_embeddings": {{(tied ? "true" : "false")}}, "dtype": "bfloat16"}
        """)!.AsObject();

    [Theory]
    [InlineData(true, null, "bfloat16")]
    [InlineData(false, null, "bfloat16")]
    [InlineData(true, null, "float32")]
    [InlineData(true, "nf4", "bfloat16")]
    [InlineData(true, "int8", "bfloat16")]
    public void A_folder_takes_its_file_and_at_most_a_twentieth_more(bool tied, string? quantize, string dtype)
    {
        string folder = Path.Combine(Paths.Temporary(), "model");
        RandomModel.Write(folder, Config(tied));
        Check(folder, new FileInfo(Path.Combine(folder, "model.safetensors")).Length, quantize, dtype);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void So_does_a_GGUF_file_of_plain_numbers()
    {
        string file = Gguf().Save();
        Check(file, new FileInfo(file).Length, QuantizeChoice.Keep, "bfloat16");
        File.Delete(file);
    }

    // Its rows of q and k have to be put in another order, so these are copied.
    private static GgufBuilder Gguf()
    {
        var builder = new GgufBuilder().Set("general.architecture", "llama");
        foreach (var (key, value) in ((string, object)[])[("block_count", 5u), ("context_length", 512u), ("embedding_length", 768u), ("feed_forward_length", 2048u), ("attention.head_count", 12u), ("attention.head_count_kv", 4u), ("attention.layer_norm_rms_epsilon", 1e-5f), ("vocab_size", 8192u)])
            builder.Set("llama." + key, value);
        builder.Raw("token_embd.weight", BFloat16, [8192, 768], new byte[8192 * 768 * 2]).Tensor("output_norm.weight", [768], new float[768]);
        for (int i = 0; i < 5; i++)
        {
            foreach (string norm in (string[])["attn_norm", "ffn_norm"]) builder.Tensor($"blk.{i}.{norm}.weight", [768], new float[768]);
            foreach (var (name, rows, columns) in ((string, int, int)[])[("attn_q", 768, 768), ("attn_k", 256, 768), ("attn_v", 256, 768), ("attn_output", 768, 768), ("ffn_gate", 2048, 768), ("ffn_up", 2048, 768), ("ffn_down", 768, 2048)])
                builder.Raw($"blk.{i}.{name}.weight", BFloat16, [rows, columns], new byte[rows * columns * 2]);
        }
        return builder;
    }

    private static void Check(string path, long file, string? quantize, string dtype)
    {
        if (Processor.AnonymousMemory is null) Assert.Skip("the system does not tell how much memory a process holds (/proc/self/status)");
        var type = dtype == "bfloat16" ? ScalarType.BFloat16 : ScalarType.Float32;
        using (var first = ModelLoader.Load(path, type, CPU, quantize)) { } // code that is compiled, libtorch's own scratch
        GC.Collect();
        long before = Processor.AnonymousMemory.Value;
        using var model = ModelLoader.Load(path, type, CPU, quantize);
        GC.Collect();
        long grown = Processor.AnonymousMemory.Value - before + Processor.MemoryOfFiles(path);
        Assert.InRange(model.Bytes, 1, file);
        Assert.True(grown <= file * 1.05, $"{grown:n0} bytes are held for a file of {file:n0}");
        if (quantize is null) Assert.True(Processor.AnonymousMemory.Value - before < file * 0.05, "weights were copied");
    }
}
