using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>
/// Merging over bases of every sort, into every dtype, at strengths from all to next to nothing: the folder written computes what the
/// attached adapter did as far as its dtype allows,
/// and what is told of the rounding is what the written bytes show against the sum in double precision.
/// </summary>
public sealed class MergeNumbersTests : IDisposable
{
    private const string Config = """{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "down_proj"], "init_lora_weights": false}""";
    private static readonly double[] Strengths = [1, 0.02, 0.001];

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Tensor _ids = tensor(new long[] { 3, 50, 7, 9, 65, 11, 30, 31 }, [2, 4]);

    public static TheoryData<string, string?> Cases
    {
        get
        {
            TheoryData<string, string?> data = [];
            foreach (string stored in (string[])["float32", "bfloat16", "float16", "nf4", "nf4 expanded", "Q4_0", "Q4_1", "Q4_1 expanded",
                "F16 file"])
                foreach (string? dtype in (string?[])[null, "float32", "bfloat16", "float16"]) data.Add(stored, dtype);
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void The_folder_computes_the_attached_and_the_report_is_true(string stored, string? dtype)
    {
        using var plain = no_grad();
        var (path, quantize) = Base(stored);
        var saved = dtype is null ? (ScalarType?)null : DType(dtype);
        foreach (double strength in Strengths)
        {
            using var model = ModelLoader.Load(path, quantize: quantize);
            var host = Attached(model, strength);
            Tensor attached = model.call(_ids), bare;
            using (host.Disabled()) bare = model.call(_ids);
            Assert.True(Largest(attached.sub(bare)) > 1e-5 * strength); // it does something
            var exact = Exact(model, host.Active[0].Adapter, strength);
            var report = host.Merge(saved is { } asked ? MergeInto.DType(asked) : MergeInto.Stored);
            string folder = Path.Combine(Paths.Temporary(), "merged");
            ModelWriter.Save(model, folder, saved);

            string held = dtype ?? (stored is "bfloat16" or "float16" or "F16 file" ? stored.Replace("F16 file", "float16",
                StringComparison.Ordinal) : "float32");
            Assert.Equal([held], report.HeldIn);
            using var written = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
            var (largest, rms, share) = Errors(exact, n => written.Get(n));
            Close(largest, report.LargestRounding);
            Close(rms, report.RelativeRms);
            Close(share, report.ShareOfDelta!.Value);
            Assert.Equal(share > 0.5, report.LosesMost);

            using var again = ModelLoader.Load(folder);
            double unit = held switch { "float32" => 1.0 / (1 << 24), "float16" => 1.0 / (1 << 11), _ => 1.0 / (1 << 8) };
            Assert.InRange(Largest(again.call(_ids).sub(attached)), 0, 24 * unit * Math.Max(1, Largest(attached))); // through two blocks, over sums of up to 256 products
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory, InlineData("bfloat16"), InlineData("float16"), InlineData("Q4_0"), InlineData("nf4")]
    public void A_library_s_merge_is_in_the_dtype_that_is_computed_in(string stored)
    {
        using var plain = no_grad();
        var (path, quantize) = Base(stored);
        foreach (var computed in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            using var model = ModelLoader.Load(path, computed, quantize: quantize);
            var host = Attached(model, 0.002);
            Tensor attached = model.call(_ids).to(ScalarType.Float32), before = attached;
            var report = host.Merge();
            Assert.Equal([computed == ScalarType.Float32 ? "float32" : "bfloat16"], report.HeldIn);
            Assert.Equal(computed == ScalarType.BFloat16, report.LosesMost); // at this strength bfloat16 has next to none of it, whatever the base is stored in
            double error = Largest(model.call(_ids).to(ScalarType.Float32).sub(attached));
            if (computed == ScalarType.Float32) Assert.InRange(error, 0, 2e-6 * Math.Max(1, Largest(attached)));
            host.Unmerge();
            Assert.Equal(0, Largest(model.call(_ids).to(ScalarType.Float32).sub(before)));
            host.Detach();
        }
    }

    [Theory, InlineData(null), InlineData("Q8_0"), InlineData("Q6_K"), InlineData("F16"), InlineData("BF16"), InlineData("F32"),
        InlineData("Q4_0")]
    public void A_gguf_file_s_merged_tensors_are_in_the_type_asked_for(string? asked)
    {
        using var plain = no_grad();
        string path = GgufTiny.Save("llama", ["Q4_1", "F16", "Q4_K"], head: true), written = Path.Combine(Paths.Temporary(), "merged.gguf");
        var type = asked is null ? null : GgufType.Named(asked);
        using var model = ModelLoader.Load(path, quantize: QuantizeChoice.Keep);
        var host = Attached(model, 0.02);
        var attached = model.call(_ids);
        var exact = Exact(model, host.Active[0].Adapter, 0.02);
        var report = host.Merge(type is null ? MergeInto.SameKind : MergeInto.Kind(asked!.ToLowerInvariant()));
        var merged = model.call(_ids);
        Assert.Equal(6, ModelWriter.SaveGguf(model, written, type: type));

        using GgufFile old = GgufFile.Open(path), made = GgufFile.Open(written);
        Assert.Equal(old.Metadata.Keys, made.Metadata.Keys.Where(k => k != "general.quantization_version" || old.Metadata.ContainsKey(k)));
        foreach (var tensor in old.Tensors)
        {
            bool changed = new[] { "attn_q.weight", "attn_k.weight", "ffn_down.weight" }.Any(e => tensor.Name.EndsWith(e,
                StringComparison.Ordinal));
            Assert.Equal(changed && asked is not null ? asked : tensor.Type.Name, made.DType(tensor.Name));
            if (!changed) Assert.Equal(old.Bytes(tensor.Name), made.Bytes(tensor.Name));
        }
        using var again = ModelLoader.Load(written, quantize: QuantizeChoice.Keep);
        Assert.Equal(0, Largest(again.call(_ids).sub(merged)));
        using var expanded = ModelLoader.Load(written);
        var (largest, rms, share) = Errors(exact, n => expanded.Weights().First(w => w.Name == n).Parameter);
        Close(largest, report.LargestRounding);
        Close(rms, report.RelativeRms);
        Close(share, report.ShareOfDelta!.Value);
        double bound = asked switch { "F32" => 1e-6, "F16" => 4e-4, "BF16" => 3e-3, "Q8_0" => 0.01, "Q6_K" => 0.03, _ => 0.2 };
        Assert.InRange(report.RelativeRms, bound / 100, bound);
        if (asked == "F32") Assert.InRange(Largest(merged.sub(attached)), 0, 1e-5);
    }

    [Fact]
    public void Biases_magnitudes_tables_and_tokens_are_merged_exactly_over_a_base_in_16_bits()
    {
        using var plain = no_grad();
        foreach (string config in (string[])
        [
            """{"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "bias": "all"}""",
            """{"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "use_dora": true}""",
            """{"r": 2, "lora_alpha": 4, "target_modules": ["embed_tokens", "lm_head"]}""",
            """{"r": 2, "lora_alpha": 4, "target_modules": ["v_proj"], "trainable_token_indices": [3, 7, 50]}""",
            """{"r": 2, "lora_alpha": 4, "target_modules": ["v_proj"], "modules_to_save": ["embed_tokens", "lm_head"]}""",
        ])
        {
            using var model = ModelLoader.Load(GgufTiny.Save("qwen2", ["BF16"], head: true, norms: "F16"));
            var host = AdapterHost.Attach(model);
            var options = System.Text.Json.Nodes.JsonNode.Parse(config)!.AsObject();
            (options["peft_type"], options["init_lora_weights"]) = ("LORA", false);
            var adapter = host.Add("a", LoraConfig.FromJson(options), 5);
            foreach (var (_, parameter) in adapter.Parameters.Select(p => (p.Key, p.Parameter)).Where(p => !p.Key.Contains("lora_A",
                StringComparison.Ordinal))) parameter.mul_(Scalars.Of(1.003));
            host.Activate(("a", 0.01));
            var attached = model.call(_ids);
            var report = host.Merge();
            Assert.InRange(report.RelativeRms, 1e-12, 6e-8);
            Assert.InRange(Largest(model.call(_ids).sub(attached)), 0, 3e-6 * Math.Max(1, Largest(attached)));
            string folder = Path.Combine(Paths.Temporary(), "merged");
            var others = ModelWriter.Save(model, folder, ScalarType.Float32);
            Assert.Equal(0, others.Count); // 16 bits are widened, nothing rounded
            using var again = ModelLoader.Load(folder);
            Assert.Equal(0, Largest(again.call(_ids).sub(model.call(_ids))));
        }
    }

    [Fact]
    public void Weights_that_were_not_merged_but_are_rounded_on_writing_are_told_apart()
    {
        using var plain = no_grad();
        using var model = ModelLoader.Load(Paths.Golden("models/llama"));
        var host = Attached(model, 1);
        host.Merge(MergeInto.DType(ScalarType.BFloat16));
        var held = model.Weights().ToDictionary(w => w.Name, w => w.Parameter.clone());
        string folder = Path.Combine(Paths.Temporary(), "merged");
        var others = ModelWriter.Save(model, folder, ScalarType.BFloat16);
        using var written = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        double largest = 0, errors = 0, weights = 0;
        var rounded = held.Where(h => h.Value.dtype == ScalarType.Float32).ToList();
        foreach (var (name, value) in rounded)
        {
            var error = written.Get(name).to(ScalarType.Float64).sub(value.to(ScalarType.Float64));
            largest = Math.Max(largest, Largest(error));
            errors += error.mul(error).sum().item<double>();
            weights += value.to(ScalarType.Float64).Squared().sum().item<double>();
        }
        Assert.Equal(rounded.Count, others.Count);
        Assert.True(others.Count > 0 && rounded.All(r => !r.Key.Contains("q_proj", StringComparison.Ordinal)));
        Close(largest, others.Largest);
        Close(Math.Sqrt(errors / weights), others.RelativeRms);
    }

    [Fact]
    public void What_float16_cannot_hold_is_refused_and_leaves_nothing()
    {
        using var plain = no_grad();
        using var model = ModelLoader.Load(Paths.Golden("models/llama"));
        var host = Attached(model, 1e9);
        var e = Assert.Throws<BadInputException>(() => host.Merge(MergeInto.DType(ScalarType.Float16)));
        Assert.Equal("float16", e.Value);
        Assert.Contains("_proj.weight", e.Place);
        Assert.False(host.IsMerged);
        host.Merge();
        string folder = Paths.Temporary(), place = Path.Combine(folder, "merged");
        Assert.Contains("beyond the range", Assert.Throws<BadInputException>(() => ModelWriter.Save(model, place,
            ScalarType.Float16)).Message);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    public void Dispose() => _scope.Dispose();

    private static (string Path, string? Quantize) Base(string stored)
    {
        if (stored == "F16 file") return (GgufTiny.Save("llama", ["F16"], norms: "F16"), null);
        if (stored.StartsWith('Q')) return (GgufTiny.Save("llama", [stored.Split(' ')[0]]), stored.Contains(' ', StringComparison.Ordinal)
            ? null : QuantizeChoice.Keep);
        string folder = Path.Combine(Paths.Temporary(), "base");
        using var model = ModelLoader.Load(Paths.Golden("models/llama"), quantize: stored[0] == 'n' ? "nf4" : null);
        ModelWriter.Save(model, folder, stored[0] == 'n' ? null : DType(stored), quantized: stored[0] == 'n');
        return (folder, stored.Contains(' ', StringComparison.Ordinal) ? QuantizeChoice.None : null);
    }

    private static ScalarType DType(string name) => name switch { "float32" => ScalarType.Float32, "bfloat16" => ScalarType.BFloat16, _
        => ScalarType.Float16 };

    private static AdapterHost Attached(CausalLM model, double strength)
    {
        model.eval();
        var host = AdapterHost.Attach(model);
        host.Add("a", LoraConfig.FromJson(System.Text.Json.Nodes.JsonNode.Parse(Config)!.AsObject()), 5);
        host.Activate(("a", strength));
        return host;
    }

    // Weights as the base has them, and their exact sums, in double precision, by name.
    private static Dictionary<string, (double[] Original, double[] Sum)> Exact(CausalLM model, Adapter adapter, double strength)
    {
        Dictionary<string, double[]> originals = model.QuantizedWeights().Select(w
            => (w.Name, Values: w.Weight.Dequantize(ScalarType.Float32)))
            .Concat(model.Weights().Select(w => (w.Name, Values: (Tensor)w.Parameter))).ToDictionary(w => w.Name, w => Doubles(w.Values));
        var factors = adapter.Parameters.ToDictionary(p => p.Key, p => (Values: Doubles(p.Parameter), p.Parameter.shape));
        return adapter.Modules.ToDictionary(m => m.Module + ".weight", m =>
        {
            var (a, shapeA) = factors[$"base_model.model.{m.Module}.lora_A.weight"];
            var (b, shapeB) = factors[$"base_model.model.{m.Module}.lora_B.weight"];
            double[] original = originals[m.Module + ".weight"], sum = (double[])original.Clone();
            for (long o = 0; o < shapeB[0]; o++)
                for (long i = 0; i < shapeA[1]; i++)
                    for (long q = 0; q < shapeA[0]; q++) sum[o * shapeA[1] + i] += strength * m.Scale * b[o * shapeA[0] + q] * a[q * shapeA[1] + i];
            return (original, sum);
        });
    }

    private static (double Largest, double Rms, double Share) Errors(Dictionary<string, (double[] Original, double[] Sum)> exact,
        Func<string, Tensor> written)
    {
        double largest = 0, errors = 0, weights = 0, deltas = 0;
        foreach (var (name, (original, sum)) in exact)
        {
            double[] held = Doubles(written(name));
            for (int i = 0; i < sum.Length; i++)
            {
                double error = held[i] - sum[i];
                largest = Math.Max(largest, Math.Abs(error));
                errors += error * error;
                weights += sum[i] * sum[i];
                deltas += (sum[i] - original[i]) * (sum[i] - original[i]);
            }
        }
        return (largest, Math.Sqrt(errors / weights), Math.Sqrt(errors / deltas));
    }

    private static double[] Doubles(Tensor x) => x.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();

    private static double Largest(Tensor x) => x.abs().max().to(ScalarType.Float64).item<double>();

    private static void Close(double expected, double actual) => Assert.InRange(actual, expected * 0.99, expected * 1.01);
}
