using LowRank.Tensors;

namespace LowRank.TestKit;

/// <summary>Two blocks of random numbers of any architecture that is read from GGUF: hidden size 256 in 4 heads, 2 for keys and values.</summary>
public static class GgufTiny
{
    /// <summary>Tokens that it knows.</summary>
    public const int Vocabulary = 70;
    private const long Hidden = 256, Head = 64, KeyValue = 128;

    /// <summary>Writes the file and gives its path.</summary>
    /// <param name="architecture">llama, qwen2, qwen3, gemma, gemma2, gemma3 or phi3.</param>
    /// <param name="types">The matrices' types, one after the other and then from the start again: Q8_0, F16, ... Of a type without a quantiser all numbers are 0.</param>
    /// <param name="head">Whether the output layer is a matrix of its own.</param>
    /// <param name="norms">The norms' and biases' type: F32, F16 or BF16.</param>
    public static string Save(string architecture, string[] types, bool head = false, string norms = "F32")
    {
        var builder = new GgufBuilder().Set("general.architecture", architecture).Set("general.name", "tiny");
        foreach (var (key, value) in new (string, object)[]
        {
            ("block_count", 2u), ("context_length", 64u), ("embedding_length", (uint)Hidden), ("feed_forward_length", (uint)Hidden), ("attention.head_count", 4u), ("attention.head_count_kv", 2u),
            ("attention.layer_norm_rms_epsilon", 1e-5f), ("rope.freq_base", 10000f),
        })
            builder.Set($"{architecture}.{key}", value);
        if (architecture is "gemma2" or "gemma3") builder.Set($"{architecture}.attention.sliding_window", 16u);
        var random = new Random(11);
        int matrices = 0;
        void Add(string name, string type, params long[] shape)
        {
            float[] values = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)(random.NextDouble() - 0.5) / 2)];
            var kind = GgufType.Named(type)!;
            if (kind.Name == "F32") { builder.Tensor(name, shape, values); return; }
            long rows = shape.Length == 1 ? 1 : shape[0], columns = shape[^1];
            var bytes = new byte[rows * columns / kind.BlockElements * kind.BlockBytes];
            unsafe
            {
                fixed (float* source = values)
                fixed (byte* target = bytes)
                    if (GgufQuantizer.Types.Contains(kind)) GgufQuantizer.Quantize(kind, source, rows, columns, target);
            }
            builder.Raw(name, kind.Id, shape, bytes);
        }
        void Matrix(string name, long rows, long columns) => Add(name + ".weight", types[matrices++ % types.Length], rows, columns);

        Matrix("token_embd", Vocabulary, Hidden);
        if (head) Matrix("output", Vocabulary, Hidden);
        Add("output_norm.weight", norms, Hidden);
        for (int i = 0; i < 2; i++)
        {
            string block = $"blk.{i}.";
            List<string> names = ["attn_norm", "ffn_norm"];
            if (architecture is "gemma2" or "gemma3") names.AddRange("post_attention_norm", "post_ffw_norm");
            foreach (string norm in names) Add(block + norm + ".weight", norms, Hidden);
            if (architecture is "qwen3" or "gemma3")
                foreach (string norm in (string[])["attn_q_norm", "attn_k_norm"]) Add(block + norm + ".weight", norms, Head);
            if (architecture == "phi3") Matrix(block + "attn_qkv", Hidden + 2 * KeyValue, Hidden);
            else
            {
                Matrix(block + "attn_q", Hidden, Hidden);
                Matrix(block + "attn_k", KeyValue, Hidden);
                Matrix(block + "attn_v", KeyValue, Hidden);
                Matrix(block + "ffn_gate", Hidden, Hidden);
            }
            Matrix(block + "attn_output", Hidden, Hidden);
            Matrix(block + "ffn_up", architecture == "phi3" ? 2 * Hidden : Hidden, Hidden);
            Matrix(block + "ffn_down", Hidden, Hidden);
            foreach (var (stem, size) in Biases(architecture)) Add($"{block}{stem}.bias", norms, size);
        }
        return builder.Save();
    }

    private static (string Stem, long Size)[] Biases(string architecture) => architecture switch
    {
        "llama" => [("attn_q", Hidden), ("attn_k", KeyValue), ("attn_v", KeyValue), ("attn_output", Hidden)],
        "qwen2" => [("attn_q", Hidden), ("attn_k", KeyValue), ("attn_v", KeyValue)],
        _ => [],
    };
}
