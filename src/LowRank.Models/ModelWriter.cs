using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Writes models as Hugging Face folders.</summary>
public static class ModelWriter
{
    private static readonly string[] SideFiles = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json", "chat_template.jinja", "vocab.json", "merges.txt", "tokenizer.model"];

    /// <summary>Writes config.json, model.safetensors and the source's side files, whole or not at all.</summary>
    /// <param name="model">What is written, with whatever is merged into it.</param>
    /// <param name="folder">The folder to make.</param>
    /// <param name="dtype">What floating-point weights are written in; null: as each is stored.</param>
    /// <param name="overwrite">Whether an existing folder is replaced.</param>
    public static void Save(CausalLM model, string folder, ScalarType? dtype = null, bool overwrite = false)
        => AtomicFile.WriteFolder(folder, temporary =>
        {
            using var scope = NewDisposeScope();
            var weights = model.Weights().Select(w => (w.Name, Tensor: dtype is { } to ? w.Parameter.detach().to(to) : w.Parameter.detach())).ToList();
            var config = (JsonObject)model.Config.DeepClone();
            string name = weights[0].Tensor.dtype == ScalarType.BFloat16 ? "bfloat16" : weights[0].Tensor.dtype == ScalarType.Float16 ? "float16" : "float32";
            config[config.ContainsKey("torch_dtype") ? "torch_dtype" : "dtype"] = name;
            config["tie_word_embeddings"] = model.IsTied;
            File.WriteAllText(Path.Combine(temporary, "config.json"), config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
            SafetensorsWriter.Write(Path.Combine(temporary, "model.safetensors"), weights, new Dictionary<string, string> { ["format"] = "pt" });
            foreach (string side in SideFiles)
                if (File.Exists(Path.Combine(model.Source, side))) File.Copy(Path.Combine(model.Source, side), Path.Combine(temporary, side));
        }, overwrite);
}
