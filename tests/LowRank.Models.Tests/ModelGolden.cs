using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>A model folder of tests/goldens/models and what the reference computes with it.</summary>
internal sealed class ModelGolden : IDisposable
{
    private readonly SafetensorsFile _expected;
    private readonly string? _temporary;

    public ModelGolden(string name, bool oldSpelling = false, ScalarType dtype = ScalarType.Float32)
    {
        Folder = Paths.Golden($"models/{name}");
        _expected = SafetensorsFile.Open(Path.Combine(Folder, "expected.safetensors"));
        string folder = oldSpelling ? _temporary = OldSpelling(Folder) : Folder;
        Model = ModelLoader.Load(folder, dtype);
    }

    public string Folder { get; }
    public CausalLM Model { get; }
    public Tensor this[string name] => _expected.Get(name);

    public static IEnumerable<string> Names { get; } =
        [.. Directory.EnumerateDirectories(Paths.Golden("models")).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    public static TheoryData<string> All => [.. Names];

    /// <summary>A golden's config.json, or another spelling of it.</summary>
    public static JsonObject Config(string model, string file = "config.json")
        => JsonNode.Parse(File.ReadAllText(Paths.Golden($"models/{model}/{file}")))!.AsObject();

    public static string OldSpelling(string folder)
    {
        string copy = Paths.Temporary();
        File.Copy(Path.Combine(folder, "config.v4.json"), Path.Combine(copy, "config.json"));
        File.Copy(Path.Combine(folder, "model.safetensors"), Path.Combine(copy, "model.safetensors"));
        return copy;
    }

    public void Dispose()
    {
        Model.Dispose();
        _expected.Dispose();
        if (_temporary is not null) Directory.Delete(_temporary, recursive: true);
    }

    /// <summary>Largest absolute difference where the mask is 1.</summary>
    public static float Difference(Tensor got, Tensor expected, Tensor mask)
        => (got.to(ScalarType.Float32) - expected).abs().amax([-1]).mul(mask.to(ScalarType.Float32)).max().item<float>();
}
