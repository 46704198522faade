using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Finds the output layer that shares an embedding's table.</summary>
internal static class TiedPairs
{
    /// <summary>The tied output of an embedding, as a layer; null where there is none.</summary>
    public static BaseLayer? OutputOf(BaseLayer embedding, IReadOnlyList<(string Name, nn.Module Module)> modules)
    {
        foreach (var (name, module) in modules)
        {
            bool tied = embedding.Module is IEmbeddingLayer own
                ? own.TiedOutput is not null && ReferenceEquals(module, own.TiedOutput)
                : module is Linear linear && linear.weight is not null && linear.weight.Handle == embedding.Weight.Handle;
            if (tied) return LayerKinds.Of(name, module);
        }
        return null;
    }

    /// <summary>The model's input embedding.</summary>
    /// <exception cref="BadInputException">There is none, or several and none has a usual name.</exception>
    public static EmbeddingTable InputEmbedding(IReadOnlyList<(string Name, nn.Module Module)> modules)
    {
        var all = modules.Select(m => LayerKinds.Of(m.Name, m.Module)).OfType<EmbeddingTable>().ToList();
        if (all.Count == 1) return all[0];
        string[] usual = ["embed_tokens", "wte", "embed_in", "word_embeddings", "embedding", "embeddings"];
        return all.FirstOrDefault(e => usual.Contains(e.Name[(e.Name.LastIndexOf('.') + 1)..]))
            ?? throw new BadInputException(all.Count == 0 ? "the model has no embedding whose rows could be trained" : "the model has several embeddings", string.Join(", ", all.Select(e => e.Name)), "trainable_token_indices",
                remedy: "Name the embedding: {\"module\": [ids]}.");
    }
}
