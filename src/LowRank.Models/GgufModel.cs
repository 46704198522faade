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
        ArgumentNullException.ThrowIfNull(path);
        var file = GgufFile.Open(path, lists);
        try
        {
            CheckKind(file);
            var metadata = new GgufMetadata(file);
            CheckBlocks(metadata);
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

    private static void CheckKind(GgufFile file)
    {
        if (file.Metadata.GetValueOrDefault("general.type") is string type and not "model")
            throw new BadInputException(type == "adapter" ? "this GGUF file is an adapter, no model" : "this GGUF file is no model", $"general.type = {type}", file.Path, "general.type = model",
                type == "adapter" ? "Give the model that it was made for, and this file as an adapter." : null);
        if (GgufSplit.Of(file) is { } split) throw split.Refusal(file.Path);
        if (file.Tensors.FirstOrDefault(t => !t.Type.Readable) is { } tensor)
            throw new BadInputException("a tensor's type is not read", $"{tensor.Name}: {tensor.Type.Name}", file.Path, "one of " + string.Join(", ", GgufType.ReadableNames), "Quantise the model to one of these types.");
    }

    // Before anything as long as the number of blocks is made.
    private static void CheckBlocks(GgufMetadata metadata)
    {
        int said = metadata.Integer("block_count"), held = ModelBounds.Numbered(metadata.File.Names, "blk");
        if (said > (held > 0 ? held : ModelBounds.Unnamed)) throw metadata.Bad("block_count", $"{said}", $"{held}, the blocks that the file has");
    }
}
