using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>An adapter merged into a GGUF file: the file computes what the merge in memory computed, and is the old file everywhere else.</summary>
public class GgufMergeTests
{
    private const string Projections = """{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "down_proj", "qkv_proj"]}""", Biases = """{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], "bias": "all"}""";

    public static TheoryData<string, string[], bool, string> Files
    {
        get
        {
            TheoryData<string, string[], bool, string> data = [];
            foreach (string type in (string[])["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "TQ1_0", "TQ2_0", "MXFP4"]) data.Add("llama", [type], false, Projections);
            string[] mixed = ["Q6_K", "Q4_K", "Q8_0", "Q5_1", "F16", "Q4_1"];
            foreach (string architecture in (string[])["llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3"])
            {
                data.Add(architecture, mixed, false, Projections);
                if (!architecture.StartsWith("gemma", StringComparison.Ordinal)) data.Add(architecture, mixed, true, Projections);
            }
            data.Add("llama", ["F16", "BF16", "F32"], true, Projections);
            data.Add("llama", mixed, true, Biases);
            data.Add("qwen2", mixed, false, Biases);
            data.Add("qwen2", mixed, true, """{"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens", "lm_head"]}""");
            // a table that is shared stays one where both sides of it change alike
            data.Add("llama", ["Q8_0"], false, """{"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens"], "ensure_weight_tying": true}""");
            data.Add("gemma", ["Q6_K"], false, """{"r": 4, "lora_alpha": 8, "target_modules": ["v_proj"], "trainable_token_indices": [3, 7, 65]}""");
            data.Add("llama", ["F16"], false, """{"r": 4, "lora_alpha": 8, "target_modules": ["v_proj"], "trainable_token_indices": [3, 7, 65]}""");
            return data;
        }
    }

    [Theory, MemberData(nameof(Files))]
    public void The_file_written_computes_the_merge_s_bits_and_is_the_old_one_elsewhere(string architecture, string[] types, bool head, string config)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        string path = GgufTiny.Save(architecture, types, head), written = Path.Combine(Paths.Temporary(), "merged.gguf");
        var ids = tensor(new long[] { 3, 50, 7, 9, 65, 11, 30, 31 }, [2, 4]);
        Tensor before, after;
        int count;
        using (var model = Merged(path, config, out before, ids))
        {
            after = model.call(ids);
            count = ModelWriter.SaveGguf(model, written);
        }
        Assert.True(before.sub(after).abs().max().item<float>() > 1e-3);
        using (var again = ModelLoader.Load(written, quantize: QuantizeChoice.Keep)) Same(after, again.call(ids));
        using (var again = ModelLoader.Load(written)) Same(after, again.call(ids));
        using (var old = ModelLoader.Load(path, quantize: QuantizeChoice.Keep)) Same(before, old.call(ids)); // the base is as it was

        string[] changed = Changed(path, written);
        Assert.Equal(Expected(path, config), changed);
        Assert.Equal(count, changed.Length);
        Assert.Equal([written], Directory.GetFileSystemEntries(Path.GetDirectoryName(written)!));
    }

    [Fact]
    public void A_shared_table_of_which_one_side_changes_is_refused()
    {
        string folder = Paths.Temporary(), written = Path.Combine(folder, "merged.gguf");
        foreach (string[] types in (string[][])[["Q6_K"], ["F16"]])
            foreach (string module in (string[])["embed_tokens", "lm_head"])
            {
                using var model = Merged(GgufTiny.Save("llama", types), """{"r": 4, "lora_alpha": 8, "target_modules": ["MODULE"]}""".Replace("MODULE", module, StringComparison.Ordinal));
                var e = Assert.Throws<BadInputException>(() => ModelWriter.SaveGguf(model, written));
                Assert.Contains("embedding and output layer are one tensor in the file", e.Message);
                Assert.Contains("ensure_weight_tying", e.Remedy);
                Assert.Empty(Directory.GetFileSystemEntries(folder));
            }
    }

    [Fact]
    public void A_type_without_a_quantiser_is_refused_by_name_where_it_is_merged_into_and_kept_elsewhere()
    {
        string path = GgufTiny.Save("llama", ["Q8_0", "Q8_0", "IQ4_NL"], head: true); // embedding and output layer, then q, v and so on in turn
        using var file = GgufFile.Open(path);
        string[] types = [.. ((string[])["attn_q", "attn_k", "attn_v", "ffn_gate"]).Select(n => file.DType($"blk.0.{n}.weight"))];
        Assert.Equal(["IQ4_NL", "Q8_0", "Q8_0", "IQ4_NL"], types);
        var e = Assert.Throws<BadInputException>(() => Merged(path, Projections).Dispose());
        Assert.Contains("iq4_nl", e.Message);
        Assert.Contains("q_proj.weight", e.Message);
        using var model = Merged(path, """{"r": 4, "lora_alpha": 8, "target_modules": ["layers.0.self_attn.v_proj"]}""");
        string written = Path.Combine(Paths.Temporary(), "merged.gguf");
        Assert.Equal(1, ModelWriter.SaveGguf(model, written));
        Assert.Equal(["blk.0.attn_v.weight"], Changed(path, written));
    }

    [Theory, InlineData("gemma3", "F32"), InlineData("gemma", "BF16"), InlineData("qwen3", "F16"), InlineData("llama", "F32")]
    public void Norms_biases_and_plain_matrices_are_written_in_their_own_types_and_order(string architecture, string norms)
    {
        using var scope = NewDisposeScope();
        string path = GgufTiny.Save(architecture, ["F16", "F32", "BF16"], norms: norms), written = Path.Combine(Paths.Temporary(), "trained.gguf");
        using var model = ModelLoader.Load(path);
        model.MakeTrainable();
        string[] names = ["model.layers.1.input_layernorm.weight", "model.layers.0.self_attn.q_proj.weight", "model.norm.weight", .. architecture == "llama" ? (string[])["model.layers.1.self_attn.k_proj.bias"] : []];
        Dictionary<string, Tensor> values = [];
        using (no_grad())
            foreach (var (name, parameter) in model.Weights().Where(w => names.Contains(w.Name)))
            {
                parameter.PlusInPlace(tensor([.. Enumerable.Range(0, (int)parameter.NumberOfElements).Select(i => i % 7 * 0.25f)], parameter.shape)); // each row otherwise
                values.Add(name, parameter.detach().clone());
            }
        Assert.Equal(names.Length, ModelWriter.SaveGguf(model, written));
        Assert.Equal(names.Select(GgufName).Order(StringComparer.Ordinal), Changed(path, written)); // nothing else, though all of it was widened
        using var again = ModelLoader.Load(written);
        foreach (var (name, parameter) in again.Weights().Where(w => names.Contains(w.Name)))
        {
            double largest = values[name].abs().max().item<float>(), error = parameter.to(ScalarType.Float32).sub(values[name]).abs().max().item<float>();
            string type = name.Contains("norm", StringComparison.Ordinal) || name.EndsWith("bias", StringComparison.Ordinal) ? norms : "F16";
            Assert.InRange(error, 0, (largest + 1) * (type switch { "F32" => 1e-7, "F16" => 5e-4, _ => 4e-3 })); // half a unit in the last place; norms are stored plus 1
        }

        string GgufName(string name) => name.Replace("model.layers.", "blk.", StringComparison.Ordinal).Replace("input_layernorm", "attn_norm", StringComparison.Ordinal).Replace("self_attn.q_proj", "attn_q", StringComparison.Ordinal)
            .Replace("self_attn.k_proj", "attn_k", StringComparison.Ordinal).Replace("model.norm", "output_norm", StringComparison.Ordinal);
    }

    [Fact]
    public void Values_that_the_type_cannot_hold_are_refused()
    {
        using var scope = NewDisposeScope();
        using var model = ModelLoader.Load(GgufTiny.Save("qwen3", ["F16"]));
        model.MakeTrainable();
        using (no_grad()) model.Weights().Single(w => w.Name == "model.layers.0.mlp.up_proj.weight").Parameter.mul_(Scalars.Of(1e6));
        string folder = Paths.Temporary();
        Assert.Contains("model.layers.0.mlp.up_proj.weight: F16", Assert.Throws<BadInputException>(() => ModelWriter.SaveGguf(model, Path.Combine(folder, "x.gguf"))).Message);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void Weights_held_otherwise_than_the_file_holds_them_are_refused()
    {
        string path = GgufTiny.Save("llama", ["Q8_0"]), folder = Paths.Temporary(), written = Path.Combine(folder, "merged.gguf");
        foreach (var (quantize, merge, held) in ((string, MergeInto, string)[])[("none", MergeInto.SameKind, "expanded"),
            ("keep", MergeInto.DType(ScalarType.Float32), "expanded"), ("nf4", MergeInto.SameKind, "nf4"), ("q4_0", MergeInto.SameKind,
            "q4_0")])
        {
            using var model = Merged(path, Projections, quantize, merge);
            var e = Assert.Throws<BadInputException>(() => ModelWriter.SaveGguf(model, written));
            Assert.Contains($"q_proj.weight: {held}); expected q8_0", e.Message);
            Assert.Contains("keep", e.Remedy);
        }
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void Only_a_gguf_base_is_written_and_never_over_itself_or_another_s_output()
    {
        string path = GgufTiny.Save("llama", ["Q8_0"]), other = Path.Combine(Paths.Temporary(), "other.gguf");
        byte[] bytes = File.ReadAllBytes(path);
        using (var model = Merged(path, Projections))
        {
            foreach (string place in (string[])[path, Path.Combine(Path.GetDirectoryName(path)!, ".", "model.gguf")])
                Assert.Contains("the output is the file that is read", Assert.Throws<BadInputException>(() => ModelWriter.SaveGguf(model, place, overwrite: true)).Message);
            File.WriteAllText(other, "old");
            Assert.Contains("--force", Assert.Throws<BadInputException>(() => ModelWriter.SaveGguf(model, other)).Remedy);
            Assert.Equal("old", File.ReadAllText(other));
            Assert.True(ModelWriter.SaveGguf(model, other, overwrite: true) > 0);
            Assert.Equal(bytes.Length, new FileInfo(other).Length);
        }
        Assert.Equal(bytes, File.ReadAllBytes(path));
        using var folder = ModelLoader.Load(Paths.Golden("models/llama"));
        Assert.Contains("only a model that was read from a GGUF file", Assert.Throws<BadInputException>(() => ModelWriter.SaveGguf(folder, other, overwrite: true)).Message);
    }

    [Fact]
    public void SmolLM2_is_merged_into_its_own_file()
    {
        string path = Paths.Shared("models/SmolLM2-135M-Instruct.Q4_1.gguf"), written = Path.Combine(Paths.Temporary(), "merged.gguf");
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        const string config = """{"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]}""";
        var ids = tensor(new long[] { 504, 2365, 314, 253, 1123, 282, 260, 905 }, [1, 8]);
        Tensor after;
        using (var model = Merged(path, config, out _, ids))
        {
            after = model.call(ids);
            Assert.Equal(60, ModelWriter.SaveGguf(model, written));
        }
        using (var again = ModelLoader.Load(written, quantize: QuantizeChoice.Keep)) Same(after, again.call(ids));
        Assert.Equal(Expected(path, config), Changed(path, written));
        File.Delete(written);
    }

    private static CausalLM Merged(string path, string config, string quantize = QuantizeChoice.Keep, MergeInto? merge = null)
        => Merged(path, config, out _, null, quantize, merge);

    private static CausalLM Merged(string path, string config, out Tensor before, Tensor? ids, string quantize = QuantizeChoice.Keep,
        MergeInto? merge = null)
    {
        var model = ModelLoader.Load(path, quantize: quantize);
        try
        {
            model.eval();
            using (no_grad()) before = ids is null ? null! : model.call(ids);
            var host = AdapterHost.Attach(model);
            var options = JsonNode.Parse(config)!.AsObject();
            if (config == Projections) FastLawRow.KeepWhatItHas(options, model); // one list for all families
            (options["peft_type"], options["init_lora_weights"]) = ("LORA", false);
            var adapter = host.Add("a", LoraConfig.FromJson(options), 5);
            using (no_grad())
                foreach (var (_, parameter) in adapter.Parameters.Select(p => (p.Key, p.Parameter)).Where(p => !p.Key.Contains("lora_", StringComparison.Ordinal))) parameter.mul_(Scalars.Of(1.25)); // biases and rows start as the base's
            host.Merge(merge ?? MergeInto.SameKind);
            return model;
        }
        catch { model.Dispose(); throw; }
    }

    // The tensors whose bytes differ; all bytes outside them have to be equal.
    private static string[] Changed(string path, string written)
    {
        byte[] old = File.ReadAllBytes(path), made = File.ReadAllBytes(written);
        Assert.Equal(old.Length, made.Length);
        using GgufFile a = GgufFile.Open(path), b = GgufFile.Open(written);
        Assert.Equal(a.Tensors.Select(t => (t.Name, t.Type, t.Offset, t.Bytes)), b.Tensors.Select(t => (t.Name, t.Type, t.Offset, t.Bytes)));
        List<string> changed = [];
        int at = 0;
        foreach (var tensor in a.Tensors.OrderBy(t => t.Offset))
        {
            int from = (int)tensor.Offset, to = from + (int)tensor.Bytes;
            Assert.True(old.AsSpan(at..from).SequenceEqual(made.AsSpan(at..from)), $"the bytes before {tensor.Name} differ");
            if (!old.AsSpan(from..to).SequenceEqual(made.AsSpan(from..to))) changed.Add(tensor.Name);
            at = to;
        }
        Assert.True(old.AsSpan(at..).SequenceEqual(made.AsSpan(at..)));
        return [.. changed.Order(StringComparer.Ordinal)];
    }

    private static string[] Expected(string path, string config)
    {
        Dictionary<string, string> stems = new() { ["q_proj"] = ".attn_q.weight", ["k_proj"] = ".attn_k.weight", ["v_proj"] = ".attn_v.weight", ["qkv_proj"] = ".attn_qkv.weight", ["down_proj"] = ".ffn_down.weight", ["lm_head"] = "output.weight", ["embed_tokens"] = "token_embd.weight" };
        var options = JsonNode.Parse(config)!;
        List<string> endings = [.. options["target_modules"]!.AsArray().Select(m => stems[(string)m!])];
        if ((string?)options["bias"] == "all") endings.Add(".bias");
        if (options["trainable_token_indices"] is not null) endings.Add("token_embd.weight");
        using var file = GgufFile.Open(path);
        return [.. file.Names.Where(n => endings.Any(e => e[0] == '.' ? n.EndsWith(e, StringComparison.Ordinal) : n == e)).Order(StringComparer.Ordinal)];
    }

    private static void Same(Tensor a, Tensor b) => Assert.Equal(a.detach().reshape(-1).data<float>().ToArray(), b.detach().reshape(-1).data<float>().ToArray());
}
