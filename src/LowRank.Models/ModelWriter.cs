using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Writes a model as a Hugging Face folder: config.json, model.safetensors, and the tokenizer's files of the folder it came from.</summary>
public static class ModelWriter
{
    private static readonly string[] SideFiles =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt",
        "generation_config.json", "chat_template.jinja", "chat_template.json",
    ];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n" };

    /// <summary>Writes the folder, aside and then renamed.</summary>
    /// <param name="model">The model, with whatever has been merged into it.</param>
    /// <param name="folder">Where; must not exist unless <paramref name="overwrite"/>.</param>
    /// <param name="dtype">The dtype of all weights; null: each as it is stored.</param>
    /// <param name="overwrite">Whether an existing folder is replaced.</param>
    /// <param name="metadata">The file's `__metadata__` beside `format`; null: none.</param>
    /// <param name="extra">Writes further files into the folder it is given, before that becomes visible.</param>
    /// <exception cref="BadInputException">The folder exists or cannot be written; nothing is left half-written.</exception>
    public static void Save(CausalLM model, string folder, ScalarType? dtype = null, bool overwrite = false, IReadOnlyDictionary<string, string>? metadata = null, Action<string>? extra = null)
        => AtomicFile.WriteFolder(folder, place =>
        {
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            List<(string Name, Tensor Tensor)> tensors = [.. model.Weights().Select(w => (w.Name, dtype is { } d ? w.Parameter.detach().to(d) : w.Parameter.detach()))];
            Dictionary<string, string> notes = new(metadata ?? new Dictionary<string, string>()) { ["format"] = "pt" };
            SafetensorsWriter.Write(Path.Combine(place, "model.safetensors"), tensors, notes);
            AtomicFile.WriteText(Path.Combine(place, "config.json"), ConfigOf(model, tensors).ToJsonString(Indented) + "\n");
            if (Directory.Exists(model.Source))
                foreach (string name in SideFiles.Where(n => File.Exists(Path.Combine(model.Source, n))))
                    File.Copy(Path.Combine(model.Source, name), Path.Combine(place, name));
            extra?.Invoke(place);
        }, overwrite);

    private static JsonObject ConfigOf(CausalLM model, List<(string Name, Tensor Tensor)> tensors)
    {
        var config = (JsonObject)model.Config.DeepClone();
        if (model.Spec.Tied && !model.IsTied) config["tie_word_embeddings"] = false;
        // Transformers loads in the dtype that the config names: the one most elements have.
        string? dtype = tensors.GroupBy(t => t.Tensor.dtype).MaxBy(g => g.Sum(t => t.Tensor.NumberOfElements))!.Key switch
        {
            ScalarType.Float32 => "float32", ScalarType.BFloat16 => "bfloat16", ScalarType.Float16 => "float16", _ => null,
        };
        if (dtype is not null) config[config.ContainsKey("torch_dtype") && !config.ContainsKey("dtype") ? "torch_dtype" : "dtype"] = dtype;
        return config;
    }
}
