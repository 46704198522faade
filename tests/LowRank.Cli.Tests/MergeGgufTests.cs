using LowRank.Models;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Cli.Tests;

/// <summary>`merge --requantize` over a GGUF base: a GGUF file comes out, and everything else is refused with what to do.</summary>
public sealed class MergeGgufTests : IDisposable
{
    private readonly string _folder = Paths.Temporary(), _base, _adapter;

    public MergeGgufTests()
    {
        _base = GgufTiny.Save("llama", ["Q4_K", "Q6_K", "Q8_0", "Q4_1"], head: true);
        _adapter = Adapter(_base, "adapter", Selector.Of("q_proj", "up_proj"));
    }

    private string At(string name) => Path.Combine(_folder, name);

    private string Adapter(string model, string name, Selector targets)
    {
        using var lm = ModelLoader.Load(model);
        var host = AdapterHost.Attach(lm);
        host.Add(name, new LoraConfig { Rank = 4, Alpha = 8, Initialisation = LoraInitialisation.None, TargetModules = targets, BaseModel = model }, 1, "llama").Save(At(name));
        host.Detach();
        return At(name);
    }

    private Program.Outcome Merge(string output, params string[] more) => Program.Run(["merge", "--model", _base, "--adapter", _adapter, "--output", output, .. more]);

    [Fact]
    public void The_file_written_is_the_merge_in_memory()
    {
        string merged = At("merged.gguf");
        var json = Merge(merged, "--requantize", "--json").Good().Json;
        Assert.Equal((merged, 4), ((string?)json["output"], (int)json["merged_parameters"]!));
        Assert.InRange((double)json["rms_rounding_error"]!, 1e-4, 0.2);
        Assert.InRange((double)json["rounding_of_delta"]!, (double)json["rms_rounding_error"]!, 100);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var ids = tensor(new long[] { 3, 50, 7, 9 }, [1, 4]);
        using CausalLM written = ModelLoader.Load(merged, quantize: "keep"), model = ModelLoader.Load(_base, quantize: "keep");
        var host = AdapterHost.Attach(model);
        host.Load("a", _adapter);
        host.Activate(("a", 1.0));
        Tensor attached = model.call(ids);
        host.Merge(MergeInto.SameKind);
        Assert.Equal(model.call(ids).data<float>().ToArray(), written.call(ids).data<float>().ToArray());
        Assert.True(attached.sub(written.call(ids)).abs().max().item<float>() > 1e-4); // rounded, not expanded
        Assert.Equal(new FileInfo(_base).Length, new FileInfo(merged).Length);

        byte[] first = File.ReadAllBytes(merged);
        var exists = Merge(merged, "--requantize");
        Assert.Equal(2, exists.Code);
        Assert.Contains("--force", exists.Error);
        Assert.Contains("of the weights", Merge(merged, "--requantize", "--force", "--quantize", "keep").Good().Out);
        Assert.Equal(first, File.ReadAllBytes(merged));
        Merge(At("expanded")).Good(); // without --requantize a folder, as ever
        Assert.True(File.Exists(Path.Combine(At("expanded"), "model.safetensors")));
    }

    [Fact]
    public void The_merged_tensors_get_the_type_that_is_named_and_a_warning_names_one_that_helps()
    {
        string weak = _adapter + "=0.01";
        var again = Program.Run("merge", "--model", _base, "--adapter", weak, "--output", At("own.gguf"), "--requantize", "--json").Good();
        double lost = (double)again.Json["rounding_of_delta"]!;
        Assert.True(lost > 1);
        Assert.Contains("more than half as much as the adapters add", again.Error);
        string named = System.Text.RegularExpressions.Regex.Match(again.Error, "--quantization ([a-z0-9_]+)").Groups[1].Value;
        Assert.NotEqual("", named);
        var better = Program.Run("merge", "--model", _base, "--adapter", weak, "--output", At("better.gguf"), "--quantize", named,
            "--json").Good();
        Assert.InRange((double)better.Json["rounding_of_delta"]!, 0, 0.5);
        Assert.DoesNotContain("more than half", better.Error);
        Assert.Equal([named == "f16" ? "float16" : named], better.Json["held_in"]!.AsArray().Select(h => (string?)h));
        Program.Run("merge", "--model", _base, "--adapter", weak, "--output", At("same.gguf"), "--quantization", named.ToUpperInvariant(),
            "--requantize").Good();
        Assert.Equal(File.ReadAllBytes(At("better.gguf")), File.ReadAllBytes(At("same.gguf")));
        var folder = Program.Run("merge", "--model", _base, "--adapter", _adapter + "=0.001", "--output", At("folder"), "--dtype",
            "bfloat16", "--json").Good();
        Assert.True((double)folder.Json["rounding_of_delta"]! > 0.5);
        Assert.Contains("With --dtype float32", folder.Error);
        Assert.True((int)folder.Json["converted_parameters"]! > 0);
        var nothing = Program.Run("merge", "--model", _base, "--adapter", _adapter + "=1e-9", "--output", At("float32"), "--dtype",
            "float32", "--json").Good();
        Assert.Contains("Together they add next to nothing", nothing.Error);
        Assert.DoesNotContain("--dtype float32", nothing.Error);
    }

    [Fact]
    public void What_cannot_be_written_is_refused_before_any_work_with_a_remedy()
    {
        string hugging = Paths.Golden("models/llama"), merged = At("merged.gguf");
        byte[] bytes = File.ReadAllBytes(_base);
        foreach (var (arguments, expected) in ((string[], string[])[])
        [
            (["--output", merged], ["not available yet without --requantize or a type", "a folder", "--requantize (",
                "--quantization TYPE"]),
            (["--output", merged, "--requantize", "--model", hugging], ["not available yet over a base that is no GGUF file", "--model is one"]),
            (["--output", merged, "--requantize", "--quantize", "nf4"], ["--quantize", "nf4", "keep (their own types)", "q8_0", "f16"]),
            (["--output", merged, "--quantization", "Q8_1"], ["--quantization", "Q8_1", "did you mean"]),
            (["--output", merged, "--quantization", "Q8_0", "--quantize", "f16"], ["Q8_0, f16", "two types"]),
            (["--output", At("folder"), "--quantization", "F16"], ["--quantization", "F16", "ends in .gguf", "--dtype"]),
            (["--output", merged, "--requantize", "--dtype", "bfloat16"], ["--dtype", "--quantization f16"]),
            (["--output", At("folder"), "--dtype", "float8"], ["--dtype", "float8", "float16"]),
            (["--output", At("folder"), "--requantize"], ["folder", "a file that ends in .gguf", "leave --requantize out"]),
            (["--output", At("folder"), "--requantize", "--quantize", "keep"], ["folder", "a file that ends in .gguf"]),
            (["--output", _base, "--requantize"], ["model.gguf", "the output is the file that is read"]),
            (["--output", _base, "--requantize", "--force"], ["model.gguf", "the output is the file that is read"]),
        ])
        {
            var outcome = Program.Run(["merge", "--adapter", _adapter, .. arguments, .. arguments.Contains("--model") ? (string[])[] : ["--model", _base]]);
            Assert.True(outcome.Code == 2, string.Join(' ', arguments) + outcome.Error);
            Assert.All(expected, e => Assert.Contains(e, outcome.Error, StringComparison.OrdinalIgnoreCase));
            Assert.Equal([_adapter], Directory.GetFileSystemEntries(_folder));
        }
        Assert.Equal(bytes, File.ReadAllBytes(_base));
    }

    [Fact]
    public void What_the_file_has_no_place_or_no_quantiser_for_is_refused_and_leaves_nothing()
    {
        foreach (var (model, targets, expected) in ((string, Selector, string)[])
        [
            (GgufTiny.Save("llama", ["IQ4_NL"]), Selector.Of("q_proj"), "iq4_nl"),
            (GgufTiny.Save("llama", ["Q8_0"]), Selector.Of("embed_tokens"), "one tensor in the file"),
        ])
        {
            string adapter = Adapter(model, "for-" + expected.Replace(' ', '-'), targets);
            var outcome = Program.Run("merge", "--model", model, "--adapter", adapter, "--requantize", "--output", At("merged.gguf"), "--json");
            Assert.Equal(2, outcome.Code);
            Assert.Contains(expected, outcome.Error);
            World.HasKeys(outcome.Json["error"], "message", "value", "place", "expected", "remedy");
            Assert.Empty(Directory.GetFileSystemEntries(_folder, "merged*"));
        }
    }

    [Fact]
    public void Bitsandbytes_kinds_over_a_gguf_base_still_go_into_folders()
    {
        Merge(At("nf4"), "--requantize", "--quantize", "nf4").Good();
        using var model = ModelLoader.Load(At("nf4"));
        Assert.Equal("nf4", model.QuantizedWeights().First().Weight.Kind);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
