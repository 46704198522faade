using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// A folder whose projections are quantised (`quantization_config`), seen as a plain one: `X.weight` is there under its own name and shape, its companions (scales,
/// zeros, packed words) are not. <see cref="Quantized"/> gives the blocks, <see cref="Get"/> their float32 values.
/// </summary>
internal sealed class QuantizedFolder : IWeightSource
{
    private readonly IWeightSource _files;
    private readonly Dictionary<string, QuantizedWeight> _weights = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];

    private QuantizedFolder(IWeightSource files, Func<IWeightSource, string, QuantizedWeight?> read)
    {
        _files = files;
        HashSet<string> hidden = new(StringComparer.Ordinal);
        foreach (string name in files.Names)
        {
            string? weight = name.EndsWith(".weight", StringComparison.Ordinal) ? name : name.EndsWith(".qweight", StringComparison.Ordinal) ? name[..^"qweight".Length] + "weight" : null;
            if (weight is null || read(files, weight) is not { } blocks) continue;
            _weights.Add(weight, blocks);
            _names.Add(weight);
            hidden.UnionWith(Companions(blocks).Select(c => weight[..^"weight".Length] + c));
        }
        // What no form uses stays in sight, and is refused as a tensor that the model does not have.
        _names.AddRange(files.Names.Where(n => !_weights.ContainsKey(n) && !hidden.Contains(n)));
    }

    /// <inheritdoc/>
    public string Path => _files.Path;
    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _names;
    /// <inheritdoc/>
    public long[]? Shape(string name) => _weights.TryGetValue(name, out var w) ? [w.Rows, w.Columns] : _files.Shape(name);
    /// <inheritdoc/>
    public string DType(string name) => _weights.TryGetValue(name, out var w) ? w.Kind : _files.DType(name);
    /// <inheritdoc/>
    public long ByteLength(string name) => _weights.TryGetValue(name, out var w) ? w.Bytes : _files.ByteLength(name);
    /// <inheritdoc/>
    public Tensor Get(string name) => _weights.TryGetValue(name, out var w) ? w.Dequantize(ScalarType.Float32) : _files.Get(name);
    /// <inheritdoc/>
    public QuantizedWeight? Quantized(string name) => _weights.GetValueOrDefault(name);
    /// <inheritdoc/>
    public void Release(string name)
    {
        if (!_weights.ContainsKey(name)) _files.Release(name);
    }

    /// <summary>The weights of a folder; where its configuration names a way of quantising that is known, that key is taken out of it.</summary>
    /// <param name="files">The folder's tensors; owned by the result.</param>
    /// <param name="config">config.json.</param>
    /// <param name="place">Where it stands, for messages.</param>
    /// <exception cref="BadInputException">The method is known, but not in this form.</exception>
    public static IWeightSource Of(IWeightSource files, JsonObject config, string place)
    {
        if (config["quantization_config"] is not JsonObject q || QuantizationConfig.Reader(q, place + ": quantization_config") is not { } read) return files;
        config.Remove("quantization_config");
        return new QuantizedFolder(files, read);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var weight in _weights.Values) weight.Dispose();
        _files.Dispose();
    }

    // What a form has beside X.weight, by its name behind "X.". The scale of an fp8 layer's inputs is for products in fp8, which are not made here.
    private static string[] Companions(QuantizedWeight weight) => weight switch
    {
        Bnb4Weight four => ["weight.absmax", "weight.quant_map", .. four.Nested ? (string[])["weight.nested_absmax", "weight.nested_quant_map"] : [], $"weight.quant_state.bitsandbytes__{four.Kind[..3]}"],
        Int8Weight => ["SCB", "weight_format"],
        Fp8Weight fp8 => [fp8.ScaleName, "input_scale"],
        _ => ["qweight", "qzeros", "scales", "g_idx"],
    };
}
