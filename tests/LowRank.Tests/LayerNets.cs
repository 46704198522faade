using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>The small nets of tests/goldens/layers, as a chain of torch modules.</summary>
internal static class LayerNets
{
    public static string Folder(string name) => Paths.Golden($"layers/{name}");

    public static IEnumerable<string> All => Directory.EnumerateDirectories(Paths.Golden("layers")).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal);

    public static JsonObject Case(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(Folder(name), "case.json")))!.AsObject();

    public static nn.Module<Tensor, Tensor> Build(string name)
    {
        var net = nn.Sequential(Case(name)["layers"]!.AsArray().Select(l => ((string)l!["name"]!, Layer((string)l["type"]!, l["args"]!.AsObject()))));
        using var weights = SafetensorsFile.Open(Path.Combine(Folder(name), "net.safetensors"));
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var (path, parameter) in net.named_parameters()) parameter.copy_(weights.Get(path));
        // libtorch 2.10's float32 convolutions give wrong input gradients on CPUs (stride 1, kernel over 1, oneDNN); in float64 it takes another path.
        if (name.StartsWith("conv", StringComparison.Ordinal)) net.to(ScalarType.Float64);
        return net;
    }

    private static nn.Module<Tensor, Tensor> Layer(string type, JsonObject args)
    {
        long One(string key, long otherwise) => args[key] is { } n ? (long)n : otherwise;
        long[] Many(string key, long otherwise, int axes) => args[key] switch { JsonArray list => [.. list.Select(n => (long)n!)], { } n => [.. Enumerable.Repeat((long)n, axes)], null => [.. Enumerable.Repeat(otherwise, axes)] };
        (long, long) Two(string key, long otherwise) => (Many(key, otherwise, 2)[0], Many(key, otherwise, 2)[1]);
        (long, long, long) Three(string key, long otherwise) => (Many(key, otherwise, 3)[0], Many(key, otherwise, 3)[1], Many(key, otherwise, 3)[2]);
        bool bias = args["bias"] is null || (bool)args["bias"]!;
        return type switch
        {
            "Linear" => nn.Linear(One("in_features", 0), One("out_features", 0), bias),
            "Embedding" => nn.Embedding(One("num_embeddings", 0), One("embedding_dim", 0)),
            "ReLU" => nn.ReLU(),
            "Flatten" => nn.Flatten(),
            "Conv1d" => nn.Conv1d(One("in_channels", 0), One("out_channels", 0), One("kernel_size", 1), One("stride", 1), One("padding", 0), groups: One("groups", 1), bias: bias),
            "Conv2d" => nn.Conv2d(One("in_channels", 0), One("out_channels", 0), Two("kernel_size", 1), Two("stride", 1), Two("padding", 0), groups: One("groups", 1), bias: bias),
            "Conv3d" => nn.Conv3d(One("in_channels", 0), One("out_channels", 0), Three("kernel_size", 1), Three("stride", 1), Three("padding", 0), groups: One("groups", 1), bias: bias),
            _ => throw new NotSupportedException(type),
        };
    }
}
