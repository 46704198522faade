using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.TestKit;

/// <summary>A llama of one block of random numbers as a GGUF file, every matrix in blocks: hidden size 256 in 4 heads, 2 for keys and values.</summary>
public static class GgufLlama
{
    /// <summary>Tokens that it knows; no whole number of the portions that tables are read in.</summary>
    public const int Vocabulary = 145;
    private const long Hidden = 256, Inner = 96;

    /// <summary>Writes the file and gives its path.</summary>
    /// <param name="table">The embedding's type of block: Q8_0, Q6_K, ...</param>
    /// <param name="head">The output layer's; null: it shares the embedding's.</param>
    public static string Save(string table = "Q8_0", string? head = null)
    {
        var builder = new GgufBuilder().Set("general.architecture", "llama");
        foreach (var (key, value) in new (string, object)[]
        {
            ("block_count", 1u), ("context_length", 64u), ("embedding_length", (uint)Hidden), ("feed_forward_length", (uint)Inner), ("attention.head_count", 4u), ("attention.head_count_kv", 2u),
            ("attention.layer_norm_rms_epsilon", 1e-5f), ("rope.freq_base", 10000f),
        })
            builder.Set($"llama.{key}", value);
        var random = new Random(7);
        float[] Values(long count) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)(random.NextDouble() - 0.5))];
        void Matrix(string name, string type, long rows, long columns)
        {
            using var scope = NewDisposeScope();
            using var blocks = GgufWeight.Quantize(GgufType.Named(type)!, tensor(Values(rows * columns), [rows, columns]));
            unsafe { builder.Raw(name, blocks.Type.Id, [rows, columns], new ReadOnlySpan<byte>(blocks.Blocks, (int)blocks.Bytes).ToArray()); }
        }
        Matrix("token_embd.weight", table, Vocabulary, Hidden);
        if (head is not null) Matrix("output.weight", head, Vocabulary, Hidden);
        foreach (string norm in (string[])["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"]) builder.Tensor(norm + ".weight", [Hidden], Values(Hidden));
        Matrix("blk.0.attn_q.weight", "Q4_0", Hidden, Hidden);
        Matrix("blk.0.attn_k.weight", "Q5_1", Hidden / 2, Hidden);
        Matrix("blk.0.attn_v.weight", "Q5_1", Hidden / 2, Hidden);
        Matrix("blk.0.attn_output.weight", "Q8_0", Hidden, Hidden);
        Matrix("blk.0.ffn_gate.weight", "Q4_0", Inner, Hidden);
        Matrix("blk.0.ffn_up.weight", "Q4_0", Inner, Hidden);
        Matrix("blk.0.ffn_down.weight", "Q8_0", Hidden, Inner);
        return builder.Save();
    }
}
