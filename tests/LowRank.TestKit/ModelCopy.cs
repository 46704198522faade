using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.TestKit;

/// <summary>The folder of a tiny model, written again with something changed.</summary>
public static class ModelCopy
{
    /// <summary>Writes a folder's config.json and model.safetensors into a fresh one, and gives that.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="weights">Changes the tensors by their names; null: they stay.</param>
    /// <param name="config">What becomes of config.json; null: it stays.</param>
    public static string Of(string folder, Action<Dictionary<string, Tensor>>? weights = null, Func<string, string>? config = null)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        string copy = Paths.Temporary(), text = File.ReadAllText(Path.Combine(folder, "config.json"));
        File.WriteAllText(Path.Combine(copy, "config.json"), config is null ? text : config(text));
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        var tensors = file.Names.ToDictionary(n => n, n => file.Get(n));
        weights?.Invoke(tensors);
        SafetensorsWriter.Write(Path.Combine(copy, "model.safetensors"), [.. tensors.Select(t => (t.Key, t.Value))]);
        return copy;
    }

    /// <summary>The same with each tensor changed.</summary>
    public static string Each(string folder, Func<Tensor, Tensor> change) => Of(folder, tensors =>
    {
        foreach (string name in tensors.Keys.ToList()) tensors[name] = change(tensors[name]);
    });
}
