using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>
/// A GGUF model file as Hugging Face would describe it: a config.json and weights under Hugging Face's names. What llama.cpp's converter changed on
/// the way (rows of q and k, +1 on Gemma's norms, rope factors as tensors) is changed back; what cannot be represented is refused.
/// </summary>
public static class GgufModel
{
    /// <summary>Opens a model; the weights own the file. Metadata are the file's key-value pairs, in file order.</summary>
    /// <exception cref="BadInputException">No GGUF file, an architecture or setting that is not known, or tensors of types that are not read.</exception>
    public static (JsonObject Config, IWeightSource Weights, IReadOnlyDictionary<string, object> Metadata) Open(string path) => Open(path, lists: true);

    /// <summary>The same; without <paramref name="lists"/> the metadata lack the vocabulary's lists of texts.</summary>
    internal static (JsonObject Config, IWeightSource Weights, IReadOnlyDictionary<string, object> Metadata) Open(string path, bool lists)
    {
        var file = GgufFile.Open(path, lists);
        try
        {
            var metadata = new GgufMetadata(file);
            CheckKind(metadata);
            var architecture = GgufArchitecture.Of(metadata.Architecture, path);
            var names = architecture.NamesOf(file, metadata.Integer("block_count"));
            var config = GgufConfig.Make(file, metadata, architecture);
            metadata.RefuseUnread();
            var weights = new GgufWeights(file, names, architecture, (int)config["num_attention_heads"]!, (int)config["num_key_value_heads"]!);
            // Parsed anew, as if read from a config.json: its numbers can then be read as any kind of number.
            return (JsonNode.Parse(config.ToJsonString())!.AsObject(), weights, file.Metadata);
        }
        catch { file.Dispose(); throw; }
    }

    private static void CheckKind(GgufMetadata metadata)
    {
        if (metadata.File.Metadata.GetValueOrDefault("general.type") is string type and not "model")
            throw new BadInputException("this GGUF file is no model", $"general.type = {type}", metadata.File.Path, "general.type = model");
        if (metadata.File.Metadata.GetValueOrDefault("split.count") is { } count && Convert.ToInt64(count, null) > 1)
            throw new BadInputException("the model is split over several GGUF files", $"split.count = {count}", metadata.File.Path, remedy: "Join them with llama-gguf-split --merge.");
        if (metadata.File.Tensors.FirstOrDefault(t => !t.Type.Readable) is { } tensor)
            throw new BadInputException("a tensor's type is not read", $"{tensor.Name}: {tensor.Type.Name}", metadata.File.Path, "one of " + string.Join(", ", GgufType.ReadableNames), "Quantise the model to one of these types.");
    }
}
