using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>Loading a model takes the file, mapped, and next to nothing else: at its end, at its peak, and once every byte of the weights has been read.</summary>
public class LoadMemoryTests
{
    private const long Constant = 8_000_000; // of every load, however small the model: code that is compiled, the pages that a mapped file is read by

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

    [Theory]
    [InlineData("float32")]
    [InlineData("bfloat16")]
    public void A_folder_of_GPTQ_s_numbers_takes_what_they_are_laid_out_anew_in(string dtype)
    {
        string plain = Path.Combine(Paths.Temporary(), "plain"), folder = Paths.Temporary();
        var config = Config(tied: true);
        RandomModel.Write(plain, config);
        config["quantization_config"] = new JsonObject { ["quant_method"] = "gptq", ["bits"] = 4, ["group_size"] = 128 };
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using (var scope = NewDisposeScope())
        using (var source = SafetensorsFile.Open(Path.Combine(plain, "model.safetensors")))
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), source.Names.SelectMany(n => Gptq(n, source.Get(n))).ToList());
        Directory.Delete(plain, recursive: true);
        Check(folder, new FileInfo(Path.Combine(folder, "model.safetensors")).Length, null, dtype, copied: true);
        Directory.Delete(folder, recursive: true);
    }

    private static IEnumerable<(string, Tensor)> Gptq(string name, Tensor weight)
    {
        if (!name.Contains("_proj.", StringComparison.Ordinal)) return [(name, weight)];
        string stem = name[..^"weight".Length];
        long rows = weight.size(0), columns = weight.size(1), groups = columns / 128;
        return [(stem + "qweight", randint(0, 1 << 30, [columns / 8, rows], ScalarType.Int32)), (stem + "qzeros", randint(0, 1 << 30, [groups, rows / 8], ScalarType.Int32)), (stem + "scales", rand(groups, rows).to(ScalarType.Float16))];
    }

    [Fact]
    public void So_does_a_GGUF_file_of_plain_numbers()
    {
        string file = Gguf(vocabulary: 8192).Save();
        Check(file, new FileInfo(file).Length, QuantizeChoice.Keep, "bfloat16", copied: true); // rows of q and k, which are in another order there
        File.Delete(file);
    }

    [Theory]
    [InlineData("Q8_0", "Q6_K", "float32")]
    [InlineData("Q8_0", "Q6_K", "bfloat16")]
    [InlineData("Q4_K", null, "bfloat16")]
    public void So_does_a_GGUF_file_in_blocks_embedding_and_output_layer_too(string table, string? head, string dtype)
    {
        string file = Gguf(vocabulary: 65_536, table, head, "Q4_K").Save();
        Check(file, new FileInfo(file).Length, QuantizeChoice.Keep, dtype);
        File.Delete(file);
    }

    [Fact]
    public void SmolLM2_takes_its_file()
    {
        string file = Paths.Shared("models/SmolLM2-135M-Instruct.Q4_1.gguf");
        Check(file, new FileInfo(file).Length, QuantizeChoice.Keep, "bfloat16");
    }

    // A vocabulary's texts are in it, as in every real file.
    private static GgufBuilder Gguf(int vocabulary, string table = "BF16", string? head = null, string blocks = "BF16")
    {
        var builder = new GgufBuilder().Set("general.architecture", "llama");
        foreach (var (key, value) in ((string, object)[])[("block_count", 5u), ("context_length", 512u), ("embedding_length", 768u), ("feed_forward_length", 2048u), ("attention.head_count", 12u), ("attention.head_count_kv", 4u), ("attention.layer_norm_rms_epsilon", 1e-5f), ("vocab_size", (uint)vocabulary)])
            builder.Set("llama." + key, value);
        void Matrix(string name, string type, int rows, int columns)
        {
            var stored = GgufType.Named(type)!;
            builder.Raw(name, stored.Id, [rows, columns], new byte[(long)rows * columns / stored.BlockElements * stored.BlockBytes]);
        }
        builder.Set("tokenizer.ggml.tokens", Enumerable.Range(0, vocabulary).Select(i => $"token {i}").ToArray());
        Matrix("token_embd.weight", table, vocabulary, 768);
        if (head is not null) Matrix("output.weight", head, vocabulary, 768);
        builder.Tensor("output_norm.weight", [768], new float[768]);
        for (int i = 0; i < 5; i++)
        {
            foreach (string norm in (string[])["attn_norm", "ffn_norm"]) builder.Tensor($"blk.{i}.{norm}.weight", [768], new float[768]);
            foreach (var (name, rows, columns) in ((string, int, int)[])[("attn_q", 768, 768), ("attn_k", 256, 768), ("attn_v", 256, 768), ("attn_output", 768, 768), ("ffn_gate", 2048, 768), ("ffn_up", 2048, 768), ("ffn_down", 768, 2048)])
                Matrix($"blk.{i}.{name}.weight", blocks, rows, columns);
        }
        return builder;
    }

    private static void Check(string path, long file, string? quantize, string dtype, bool copied = false)
    {
        if (Processor.AnonymousMemory is null) Assert.Skip("the system does not tell how much memory a process holds (/proc/self/status)");
        var type = dtype == "bfloat16" ? ScalarType.BFloat16 : ScalarType.Float32;
        using (var first = ModelLoader.Load(path, type, CPU, quantize)) { } // code that is compiled, libtorch's own scratch
        GC.Collect();
        Processor.GiveBackMemory(); // else the second would be in what the first has left
        Processor.ResetPeakMemory();
        long before = Processor.AnonymousMemory.Value, start = Processor.Memory;
        bool told = Processor.PeakMemory - start < Constant;
        using var model = ModelLoader.Load(path, type, CPU, quantize);
        long peak = Processor.PeakMemory - start, files = Processor.Memory - Processor.AnonymousMemory.Value - (start - before);
        GC.Collect();
        long own = Processor.AnonymousMemory.Value - before, most = (long)(file * 1.05) + Constant;
        peak -= Math.Max(0, files - Processor.MemoryOfFiles(path)); // libtorch's: some systems map whole runs of pages where one is touched
        Assert.InRange(model.Bytes, 1, copied ? file * 1.05 : file);
        if (told) Assert.True(peak <= most, $"{peak:n0} bytes were held at the peak for a file of {file:n0}");
        Assert.True(own + Processor.MemoryOfFiles(path) <= file * 1.05, $"{own + Processor.MemoryOfFiles(path):n0} bytes are held for a file of {file:n0}");
        if (!copied && quantize is null or QuantizeChoice.Keep) Assert.True(own < file * 0.05 + Constant / 2, $"weights were copied: {own:n0} bytes of {file:n0}");
        Read(model);
        Assert.True(own + Processor.MemoryOfFiles(path) <= most, $"{own + Processor.MemoryOfFiles(path):n0} bytes are held for a file of {file:n0} that was read");
    }

    // Every page of the weights that lie in the file.
    private static unsafe void Read(CausalLM model)
    {
        long sum = 0;
        void Touch(byte* start, long bytes)
        {
            for (long i = 0; i < bytes; i += 4096) sum += start[i];
        }
        foreach (var (_, parameter) in model.Weights()) Touch(NativeTensors.DataPointer(parameter), parameter.NumberOfElements * parameter.ElementSize);
        foreach (var (_, weight) in model.QuantizedWeights())
            if (weight is GgufWeight blocks) Touch(blocks.Blocks, blocks.Bytes);
        GC.KeepAlive(sum);
    }
}
