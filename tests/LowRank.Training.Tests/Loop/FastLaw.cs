using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>The rows of the law that the step by hand is automatic differentiation: models x adapters x dtypes x batches. A new family joins by its golden, a new option is one entry.</summary>
internal static class FastLaw
{
    /// <summary>Shapes that the goldens, which are all alike, do not have; each is where a buffer, a panel or a tile ends otherwise.</summary>
    private static readonly Dictionary<string, JsonObject> Shapes = new()
    {
        ["head of 128"] = Llama(hidden: 66, inner: 70, heads: 2, keyHeads: 1, headSize: 128, vocabulary: 321),
        ["deep sums"] = Llama(hidden: 70, inner: 1090, heads: 3, keyHeads: 3, headSize: 10, vocabulary: 130),
        ["tiny"] = Llama(hidden: 2, inner: 2, heads: 1, keyHeads: 1, headSize: 2, vocabulary: 7),
    };

    /// <summary>The row of zeros of models that have one.</summary>
    public const int ZeroRow = 3;

    /// <summary>Adapter configurations; <c>init_lora_weights</c> false makes B random.</summary>
    public static readonly Dictionary<string, JsonObject> Adapters = new()
    {
        ["patterns"] = Adapter("""{"r": 4, "lora_alpha": 2, "target_modules": "all-linear", "rank_pattern": {"v_proj": 3, "down_proj": 7, "qkv_proj": 5, "up_proj": 1}, "alpha_pattern": {"o_proj": 3, "gate_proj": 5}}"""),
        ["rslora"] = Adapter("""{"r": 17, "lora_alpha": 2, "use_rslora": true, "target_modules": "all-linear"}"""),
        ["upper layers"] = Adapter("""{"r": 5, "lora_alpha": 3, "target_modules": ["q_proj", "v_proj", "qkv_proj", "c_attn", "query_key_value", "o_proj", "c_proj", "up_proj", "gate_up_proj", "dense_h_to_4h", "down_proj"], "layers_to_transform": [1]}"""),
        ["few targets"] = Adapter("""{"r": 1, "lora_alpha": 2, "target_modules": ["k_proj", "qkv_proj", "c_attn", "query_key_value", "gate_proj", "gate_up_proj"]}"""),
        ["dora"] = Adapter("""{"r": 4, "lora_alpha": 2, "use_dora": true, "target_modules": "all-linear", "rank_pattern": {"v_proj": 3, "down_proj": 7}}"""),
        ["trained biases"] = Adapter("""{"r": 4, "lora_alpha": 2, "bias": "lora_only", "target_modules": "all-linear"}"""),
        ["below attention"] = Adapter("""{"r": 40, "lora_alpha": 10, "target_modules": ["o_proj", "up_proj", "gate_up_proj", "down_proj", "c_proj", "dense_4h_to_h"]}"""),
    };

    /// <summary>Every golden whose blocks the step accepts, the shapes above, one base that is stored in bfloat16 and one of each quantised kind; in a child for a kind of processor a few.</summary>
    public static IReadOnlyList<string> Models { get; } = ProcessorVariants.IsChild ? ["llama", "head of 128"] : [.. Directory.EnumerateDirectories(Paths.Golden("models")).Where(d => PlainBlock.Refusal(Spec(d)) is null).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal), .. Shapes.Keys, "llama bfloat16", "llama nf4", "qwen2 int8"];

    private static DecoderSpec Spec(string folder) => FamilyTable.Describe(JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject(), folder);

    /// <summary>The model; a " zero" behind its name: with a row of zeros in each matrix; <paramref name="rounded"/>: its weights as bfloat16 would hold them.</summary>
    public static CausalLM Load(string name, ScalarType dtype, bool rounded = false)
    {
        string folder = Shapes.ContainsKey(name) ? Folder(name) : Paths.Golden("models/" + name.Split(' ')[0]);
        if (name.Contains(" zero", StringComparison.Ordinal))
            folder = ModelCopy.Each(folder, w => w.dim() == 1 ? w : w.index_fill(0, tensor(new long[] { ZeroRow }), Scalars.Zero));
        if (rounded || name.EndsWith(" bfloat16", StringComparison.Ordinal))
            folder = ModelCopy.Each(folder, w => w.to(ScalarType.BFloat16));
        return ModelLoader.Load(folder, dtype, quantize: name.Split(' ') is [.., ("nf4" or "int8") and var kind] ? kind : null);
    }

    private static string Folder(string name)
    {
        string folder = Paths.Temporary();
        RandomModel.Write(folder, Shapes[name], seed: 3);
        random.manual_seed(9);
        return ModelCopy.Each(folder, w => // norms of one and small weights hide factors
            w.to(ScalarType.Float32).Plus(randn(w.shape).mul(Scalars.Of(w.dim() == 1 ? 0.3 : 0.7 / Math.Sqrt(w.size(1))))));
    }

    /// <summary>Batches by what they are about, and what automatic differentiation is given: the same, or each row alone. <paramref name="large"/>: also those that meet the borders of tiles and slices.</summary>
    public static IEnumerable<(string Name, Batch ByHand, Batch[] Plain)> Batches(DecoderSpec spec, bool large)
        => All(spec.VocabularySize, large).Where(b => spec.Names.PositionEmbedding is null || b.ByHand.Longest() <= spec.MaxPositions);

    private static int Longest(this Batch batch) => batch.Documents?.Max() ?? batch.T;

    private static IEnumerable<(string Name, Batch ByHand, Batch[] Plain)> All(int vocabulary, bool large)
    {
        var random = new Random(4);
        Row Make(int length)
        {
            int[] ids = [.. Enumerable.Range(0, length).Select(_ => random.Next(vocabulary))];
            return new Row(ids, [.. ids.Select(id => random.Next(4) == 0 ? Row.Ignored : id)]);
        }
        Row[] Rows(params int[] lengths) => [.. lengths.Select(Make)];
        (string, Batch, Batch[]) Same(string name, Batch batch) => (name, batch, [batch]);
        Batch[] Alone(Row[] rows) => [.. rows.Select(r => Batch.Of([r], 0))];
        yield return Same("two tokens", Batch.Of([new Row([1, 5], [1, 5])], 0));
        yield return Same("rows", Batch.Of(Rows(13, 13, 13), 0));
        yield return Same("padded rows", Batch.Of(Rows(7, 21, 3, 70, 1, 64), 2));
        yield return Same("documents", Batch.EndToEnd(Rows(7, 21, 3, 130, 1, 7, 64, 2)));
        Row[] free = Rows(30, 65, 2, 11);
        yield return ("padding free", Batch.EndToEnd(free), Alone(free));
        yield return Same("no target", Batch.Of([new Row([1, 2, 3], [1, Row.Ignored, Row.Ignored])], 0));
        if (!large) yield break;
        yield return Same("longer than a tile of scores", Batch.Of(Rows(600), 0));
        Row[] many = Rows([.. Enumerable.Range(0, 12).Select(i => 60 + i * 6)]);
        yield return ("more than a slice", Batch.EndToEnd(many), Alone(many));
    }

    private static JsonObject Adapter(string json)
    {
        var adapter = JsonNode.Parse(json)!.AsObject();
        (adapter["peft_type"], adapter["init_lora_weights"]) = ("LORA", false);
        return adapter;
    }

    private static JsonObject Llama(int hidden, int inner, int heads, int keyHeads, int headSize, int vocabulary) => new()
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"), ["model_type"] = "llama", ["vocab_size"] = vocabulary, ["hidden_size"] = hidden, ["intermediate_size"] = inner, ["num_hidden_layers"] = 2,
        ["num_attention_heads"] = heads, ["num_key_value_heads"] = keyHeads, ["head_dim"] = headSize, ["hidden_act"] = "silu", ["rms_norm_eps"] = 1e-5, ["rope_theta"] = 10000.0,
        ["max_position_embeddings"] = 1024, ["tie_word_embeddings"] = false, ["attention_bias"] = false, ["mlp_bias"] = false,
    };
}
