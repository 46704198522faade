using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Opens models: Hugging Face folders and GGUF files.</summary>
public static class ModelLoader
{
    /// <summary>Loads a model; its weights stay in the file until they are computed with.</summary>
    /// <param name="path">A folder with config.json and safetensors, or a .gguf file.</param>
    /// <param name="dtype">The dtype to compute in: float32 or bfloat16.</param>
    /// <param name="device">Where to compute; null: CPU.</param>
    /// <param name="quantize">
    /// How the projections' weights are held: `keep` as the file's own blocks, `none` expanded, or a kind of <see cref="QuantizedKinds"/> that they are quantised to, layer by layer. Null:
    /// `keep` for a quantised folder, `none` for a GGUF file. Embedding and output layer stay in the file's blocks, if they are in blocks there, but with `none`.
    /// </param>
    /// <exception cref="BadInputException">The configuration or the weights do not fit; every mistake is listed.</exception>
    public static CausalLM Load(string path, ScalarType dtype = ScalarType.Float32, Device? device = null, string? quantize = null)
    {
        if (quantize is not null) QuantizeChoice.Check(quantize, "quantize");
        var (config, source) = Open(path);
        try { return Build(config, source, path, dtype, device, quantize); }
        catch { source.Dispose(); throw; }
    }

    /// <summary>What a model is, from its configuration and headers alone.</summary>
    /// <exception cref="BadInputException">The configuration or the weights do not fit; every mistake is listed.</exception>
    public static ModelDescription Describe(string path)
    {
        var (config, source) = Open(path);
        using (source)
        {
            var spec = FamilyTable.Describe(config, ConfigPlace(path));
            var stored = TensorCheck.Match(spec, source);
            return new(spec, path, [.. stored.Select(s => new TensorDescription(s.Key, source.Shape(s.Value)!, source.DType(s.Value), source.ByteLength(s.Value)))]);
        }
    }

    /// <summary>Builds a model over opened weights, which it owns from then on.</summary>
    internal static CausalLM Build(JsonObject config, IWeightSource source, string path, ScalarType dtype, Device? device, string? quantize = null)
    {
        if (dtype is not (ScalarType.Float32 or ScalarType.BFloat16))
            throw new BadInputException("models are computed in float32 or bfloat16", dtype.ToString(), path);
        device ??= CPU;
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var spec = FamilyTable.Describe(config, ConfigPlace(path));
        var stored = TensorCheck.Match(spec, source);
        Parameter Take(string name, long[] shape)
        {
            var tensor = source.Get(stored[name]);
            if (quantize != QuantizeChoice.None && source.Quantized(stored[name]) is not null) tensor = tensor.to(dtype); // expanded from blocks: no second, wider copy is kept
            if (device.type != TorchSharp.DeviceType.CPU) tensor = tensor.to(device);
            source.Release(stored[name]); // of what was copied on the way, the file's own pages are not held as well
            return (Parameter)new Parameter(tensor, requires_grad: false).DetachFromDisposeScope();
        }
        quantize ??= source is QuantizedFolder ? QuantizeChoice.Keep : QuantizeChoice.None;
        (QuantizedWeight, Func<Tensor>?)? Quantized(string name, bool table)
        {
            string there = stored[name];
            if (table && device.type != TorchSharp.DeviceType.CPU) return null; // blocks are expanded on the CPU: there the tables would be copied over at every step
            if (source.Quantized(there) is { } blocks && (table || quantize == QuantizeChoice.Keep || blocks.Kind == quantize)) return (blocks, null);
            if (table || quantize == QuantizeChoice.Keep) return null;
            using var inner = NewDisposeScope();
            string place = $"{path}: {there}";
            var made = source.Quantized(there) is { } others ? QuantizedKinds.Quantize(quantize, others, place) : QuantizedKinds.Quantize(quantize, source.Get(there), place);
            source.Release(there);
            return (made, () => source.Get(there));
        }
        return new CausalLM(spec, new Parts(spec, dtype, Take, quantize == QuantizeChoice.None ? null : Quantized), source, config, device);
    }

    internal static (JsonObject Config, IWeightSource Weights) Open(string path)
    {
        if (File.Exists(path) && path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
        {
            var (config, weights, _) = GgufModel.Open(path, lists: false);
            return (config, weights);
        }
        if (!Directory.Exists(path))
            throw File.Exists(path)
                ? new BadInputException("this is no model folder", path, expected: "a folder with config.json and model.safetensors, or a .gguf file")
                : new BadInputException("the model does not exist", path, expected: "a folder with config.json and model.safetensors, or a .gguf file");
        var folder = ReadConfig(path);
        var files = SafetensorsFolder.Open(path);
        try { return (folder, QuantizedFolder.Of(files, folder, ConfigPlace(path))); }
        catch { files.Dispose(); throw; }
    }

    private static string ConfigPlace(string path) => Directory.Exists(path) ? System.IO.Path.Combine(path, "config.json") : path;

    private static JsonObject ReadConfig(string folder)
    {
        string file = System.IO.Path.Combine(folder, "config.json");
        if (!File.Exists(file)) throw new BadInputException("the model folder has no config.json", place: folder);
        try { return JsonNode.Parse(File.ReadAllText(file))?.AsObject() ?? throw new JsonException("it is null"); }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new BadInputException("config.json is not a JSON object: " + e.Message, place: file, inner: e);
        }
    }
}
