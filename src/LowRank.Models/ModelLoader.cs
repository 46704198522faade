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
        catch (BadInputException e) { source.Dispose(); throw e.In(path); }
        catch { source.Dispose(); throw; }
    }

    /// <summary>What a model is, from its configuration and headers alone.</summary>
    /// <exception cref="BadInputException">The configuration or the weights do not fit; every mistake is listed.</exception>
    public static ModelDescription Describe(string path)
    {
        var (config, source) = Open(path);
        using (source)
        {
            var spec = FamilyTable.Describe(config, ConfigPlace(source.Path), ModelBounds.Of(source));
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
        var spec = FamilyTable.Describe(config, ConfigPlace(source.Path), ModelBounds.Of(source));
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
        if (quantize == QuantizeChoice.None) CheckMemory(source, stored.Values, dtype);
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

    /// <summary>Opens what a path leads to (<see cref="Found"/>): a folder, a GGUF file, the snapshot of a cache folder, the only GGUF model of a folder.</summary>
    internal static (JsonObject Config, IWeightSource Weights) Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string place = Place(path);
        if (!Directory.Exists(place))
        {
            var (metadata, weights, _) = GgufModel.Open(place, lists: false);
            return (metadata, weights);
        }
        var config = JsonFile.ReadObject(Path.Combine(place, "config.json"));
        var files = SafetensorsFolder.Open(place);
        try { return (config, QuantizedFolder.Of(files, config, ConfigPlace(place))); }
        catch { files.Dispose(); throw; }
    }

    /// <summary>The folder or GGUF file of the model that a path leads to.</summary>
    /// <exception cref="BadInputException">It leads to none: says what is there instead.</exception>
    public static string Place(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        const string Expected = "a folder with config.json and model.safetensors, or a GGUF file";
        var found = Found.At(path);
        BadInputException Not(string problem, string? value = null, string? remedy = null) => new(problem, value, path, Expected, remedy);
        string? choices = found.Choices.Count == 0 ? null : string.Join(", ", found.Choices);
        switch (found.Kind)
        {
            case FoundKind.Model or FoundKind.GgufModel or FoundKind.GgufPart: return path; // a part is refused as it is opened
            case FoundKind.HubCache or FoundKind.GgufFolder when found.Path != path: return Place(found.Path);
            case FoundKind.HubCache: throw Not("the cache folder has not one snapshot but several or none", choices ?? "none", "Give the snapshot's folder.");
            case FoundKind.GgufFolder: throw Not("the folder has no config.json, but GGUF files", choices, "Give one of them as the model.");
            case FoundKind.Adapter: throw Not("this is an adapter, no model", remedy: $"Give its base as the model{BaseOf(path)}, and this folder as the adapter.");
            case FoundKind.GgufAdapter: throw Not("this GGUF file is an adapter, no model", remedy: "Give its base as the model.");
            case FoundKind.Run: throw Not("this is the folder of a training run, no model", choices, "Give the run's base as the model and its adapter folder as the adapter.");
            case FoundKind.Weights: throw Not("this is a file of weights; a model is the folder that it lies in", remedy: $"Give {choices}.");
            case FoundKind.Nothing: throw new BadInputException("the model does not exist", path, expected: Expected);
            case FoundKind.Folder: throw Not("the model folder has no config.json", choices, choices is null ? null : "Give one of these folders.");
            default: throw Not($"this is no model but {found.Words}", remedy: choices is null ? null : $"Give {choices}.");
        }
    }

    private static string BaseOf(string adapter)
    {
        try
        {
            return JsonFile.ReadObject(Path.Combine(adapter, "adapter_config.json"))["base_model_name_or_path"] is JsonValue value
                && value.TryGetValue(out string? name) && name.Length > 0 ? $" (it names {name})" : "";
        }
        catch (BadInputException) { return ""; } // it is damaged; that it is no model is what counts here
    }

    // Expanding takes many times the file: told before, not by the system that ends the process.
    private static void CheckMemory(IWeightSource source, IEnumerable<string> names, ScalarType dtype)
    {
        long size = dtype == ScalarType.BFloat16 ? 2 : 4, there = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        long needed = names.Distinct().Where(n => !SafetensorsDType.IsPlain(source.DType(n)))
            .Sum(n => source.Shape(n)!.Aggregate(1L, (a, b) => a * b)) * size;
        if (needed > there)
            throw new BadInputException("the weights do not fit into memory once they are expanded", ByteSize.Show(needed), source.Path, $"at most {ByteSize.Show(there)}", "Load them with quantize: keep, which leaves them in their blocks.");
    }

    private static string ConfigPlace(string path) => Directory.Exists(path) ? Path.Combine(path, "config.json") : path;
}
