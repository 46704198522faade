using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Cli.Tests;

/// <summary>The files of <see cref="BadInputTests"/>: each is wrong in one way.</summary>
internal sealed class BadFiles(string home, string model)
{
    public void Make()
    {
        Models();
        Adapters();
        Inputs();
        Data();
    }

    private string At(string name) => Path.Combine(home, name);

    private string Folder(string name, bool config = true)
    {
        Directory.CreateDirectory(At(name));
        if (config) File.Copy(Path.Combine(model, "config.json"), Path.Combine(At(name), "config.json"));
        return At(name);
    }

    private void Models()
    {
        byte[] weights = File.ReadAllBytes(Path.Combine(model, "model.safetensors"));
        File.WriteAllBytes(Path.Combine(Folder("truncated"), "model.safetensors"), weights[..^1000]);
        File.WriteAllBytes(Path.Combine(Folder("empty"), "model.safetensors"), []);
        byte[] pickle = [.. "PK\u0003\u0004"u8, .. new byte[300]];
        File.WriteAllBytes(Path.Combine(Folder("pickled"), "pytorch_model.bin"), pickle);
        File.WriteAllBytes(Path.Combine(Folder("disguised"), "model.safetensors"), pickle);
        File.WriteAllBytes(Path.Combine(Folder("bare", config: false), "model.safetensors"), weights);
        File.WriteAllBytes(Path.Combine(Folder("scrambled", config: false), "model.safetensors"), weights);
        File.WriteAllText(Path.Combine(At("scrambled"), "config.json"), "{\"model_type\": ");
        File.WriteAllBytes(Path.Combine(Folder("unknown-family", config: false), "model.safetensors"), weights);
        File.WriteAllText(Path.Combine(At("unknown-family"), "config.json"), """{"model_type": "lama"}""");
        Rewrite(Folder("missing"), (name, tensor) => name is "model.layers.1.mlp.up_proj.weight" or "lm_head.weight" ? null : tensor);
        Rewrite(Folder("shapes"), (name, tensor) => name == "model.norm.weight" ? tensor[..47] : tensor);
        Rewrite(Folder("nan-base"), (name, tensor) =>
        {
            if (name != "model.layers.1.mlp.up_proj.weight") return tensor;
            var broken = tensor.clone();
            broken[3, 5] = torch.tensor(float.NaN);
            return broken;
        });
        File.WriteAllBytes(At("cut.gguf"), new GgufBuilder().Set("general.architecture", "llama").Tensor("token_embd.weight", [4, 8], new float[32]).Build()[..60]);
    }

    private void Rewrite(string folder, Func<string, Tensor, Tensor?> change)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Path.Combine(model, "model.safetensors"));
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. file.Names.Select(n => (n, Changed: change(n, file.Get(n)))).Where(t => t.Changed is not null).Select(t => (t.n, t.Changed!))]);
    }

    private void Adapters()
    {
        using (var lm = ModelLoader.Load(model))
        {
            var host = AdapterHost.Attach(lm);
            host.Add("north", new LoraConfig { Rank = 4, Alpha = 8, Initialisation = LoraInitialisation.None, TargetModules = Selector.Of("q_proj", "v_proj") }, 1, "llama").Save(At("north"));
            host.Detach();
        }
        foreach (string name in (string[])["weightless", "adapter-pickle", "adapter-cut", "wide", "nan"])
            File.Copy(Path.Combine(At("north"), "adapter_config.json"), Path.Combine(Folder(name, config: false), "adapter_config.json"));
        File.WriteAllBytes(Path.Combine(At("adapter-pickle"), "adapter_model.bin"), [0x80, 2, 0, 0]);
        Directory.CreateDirectory(At("deep/adapter"));
        Directory.CreateSymbolicLink(At("linked"), At("deep"));
        string weights = Path.Combine(At("north"), "adapter_model.safetensors");
        File.WriteAllBytes(Path.Combine(At("adapter-cut"), "adapter_model.safetensors"), File.ReadAllBytes(weights)[..^8]);
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(weights);
        void Changed(string name, Func<string, Tensor, Tensor> change) => SafetensorsWriter.Write(Path.Combine(At(name), "adapter_model.safetensors"), [.. file.Names.Select(n => (n, change(n, file.Get(n))))]);
        Changed("wide", (n, t) => n.EndsWith("lora_A.weight", StringComparison.Ordinal) ? t[.., ..40] : t);
        Changed("nan", (n, t) => n.Contains("layers.1.self_attn.v_proj.lora_B", StringComparison.Ordinal) ? full_like(t, Scalars.Of(float.NaN)) : t);
    }

    private void Inputs()
    {
        using var scope = NewDisposeScope();
        void Input(string name, params (string, Tensor)[] tensors) => SafetensorsWriter.Write(At(name), tensors);
        Input("floats.safetensors", ("input_ids", ones(2, 3)));
        Input("outside.safetensors", ("input_ids", tensor(new long[] { 1, 256 }, 1, 2)));
        Input("mask.safetensors", ("input_ids", ones(2, 4, ScalarType.Int64)), ("attention_mask", ones(2, 3, ScalarType.Int64)));
    }

    private void Data()
    {
        File.WriteAllLines(At("rows.jsonl"), World.TokenRows(4, 6));
        File.WriteAllText(At("no-rows.jsonl"), "\n");
        File.WriteAllText(At("broken.jsonl"), "{\"text\": \"a\"}\n{\"text\": \n");
        File.WriteAllText(At("format.jsonl"), "{\"promt\": \"a\", \"complation\": \"b\"}\n");
        File.WriteAllText(At("untargeted.jsonl"), "{\"input_ids\": [5, 6], \"labels\": [-100, 6]}\n{\"input_ids\": [5, 6], \"labels\": [5, -100]}\n");
        File.WriteAllText(At("outside.jsonl"), "{\"input_ids\": [5, 256]}\n");
        File.WriteAllText(At("texts.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
        File.WriteAllText(At("broken.yaml"), "a: [1\nb: }");
    }
}
