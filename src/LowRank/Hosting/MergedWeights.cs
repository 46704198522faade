using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The weights that merging put into the model, and those that were there.</summary>
internal sealed class MergedWeights
{
    private readonly List<Change> _changes = [];

    public int Count => _changes.Count;

    /// <summary>The dtypes and kinds of blocks of the new values.</summary>
    public IReadOnlyList<string> HeldIn => [.. _changes.Select(c => c.New is QuantizedWeight blocks ? blocks.Kind
        : c.DType.ToString().ToLowerInvariant()).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>What stood at a place before merging; null where it was not touched.</summary>
    public Tensor? Original(string module, string name) => _changes.FirstOrDefault(c => c.Module == module && c.Name == name)?.Old switch
    {
        QuantizedWeight blocks => blocks.Dequantize(ScalarType.Float32),
        var other => (Tensor?)other,
    };

    /// <summary>Notes a new value, not yet in force; it outlives the current scope.</summary>
    /// <exception cref="BadInputException">A module of torch's cannot hold it, since it computes in its weights' dtype.</exception>
    public void Plan(string module, nn.Module target, string name, Tensor value)
    {
        if (target is not (ILinearLayer or IEmbeddingLayer or IFunctional) && Current(target, name)!.dtype is var own && own != value.dtype)
            throw new BadInputException("a module of torch's computes in the dtype of its weights, so it cannot hold merged ones in another", $"{value.dtype}", $"{module}.{name}", $"{own}",
                "Merge without a dtype, or convert the model first (model.to(dtype)).");
        _changes.Add(new(module, target, name, value.DetachFromDisposeScope(), value.dtype, Place(value)));
    }

    /// <summary>The same for a weight that is to be quantised.</summary>
    public void Plan(string module, nn.Module target, string name, QuantizedWeight value)
        => _changes.Add(new(module, target, name, value, ScalarType.Float32, default));

    /// <summary>Puts all new values in place; where one cannot be, the old ones are put back.</summary>
    public void Apply()
    {
        try
        {
            foreach (var c in _changes) c.Old = Put(c.Target, c.Name, c.New);
        }
        catch
        {
            Restore();
            throw;
        }
    }

    /// <summary>
    /// Puts the old ones back: the very parameters where the module lets them be replaced, else their very memory. Where the model was
    /// moved or converted while merged
    /// the old ones are too; of a module that was disposed they are freed.
    /// </summary>
    public void Restore()
    {
        foreach (var c in Enumerable.Reverse(_changes))
        {
            if (c.Old is null) c.New.Dispose(); // was never put in place
            else if (IsDisposed(c.Target, c.Name)) c.Old.Dispose();
            else if (Put(c.Target, c.Name, Converted(c)) is { } merged && !ReferenceEquals(merged, c.Old)) merged.Dispose();
        }
        _changes.Clear();
    }

    public void Discard()
    {
        foreach (var c in _changes) c.New.Dispose();
        _changes.Clear();
    }

    // model.to(...) has made other parameters of the merged values; it would have made these of the old ones.
    private static IDisposable Converted(Change c)
    {
        if (c.Old is not Tensor old || Current(c.Target, c.Name) is not { } current || (current.dtype == c.DType
            && Place(current) == c.Device)) return c.Old!;
        using var plain = no_grad();
        var converted = old.detach().to(current.dtype == c.DType ? old.dtype : current.dtype, current.device).DetachFromDisposeScope();
        old.Dispose();
        return converted;
    }

    /// <summary>The tensor at a place; null where blocks are.</summary>
    private static Tensor? Current(nn.Module module, string name) => module switch
    {
        ILinearLayer layer => name == "bias" ? layer.Bias : layer.Quantized is null ? layer.Weight : null,
        IEmbeddingLayer table => table.Quantized is null ? table.Weight : null,
        _ => module.named_parameters(recurse: false).FirstOrDefault(p => p.name == name).parameter,
    };

    private static bool IsDisposed(nn.Module module, string name) => Current(module, name) is { } current ? current.IsInvalid
        : module is not (ILinearLayer or IEmbeddingLayer);

    private static (TorchSharp.DeviceType, int) Place(Tensor x) => (x.device_type, x.device_index);

    private static IDisposable Put(nn.Module module, string name, IDisposable place)
    {
        if (module is ILinearLayer layer && name == "weight")
        {
            var blocks = layer.Quantized;
            var old = place is QuantizedWeight quantized ? layer.Replace(quantized) : layer.Replace(AsParameter((Tensor)place)).Weight;
            return (IDisposable?)blocks ?? old!;
        }
        if (module is IEmbeddingLayer table)
        {
            var blocks = table.Quantized;
            var old = place is QuantizedWeight quantized ? table.Replace(quantized) : table.Replace(AsParameter((Tensor)place));
            return (IDisposable?)blocks ?? old!;
        }
        var value = (Tensor)place;
        switch (module)
        {
            case ILinearLayer linear: return linear.Replace(null, AsParameter(value)).Bias!;
            case IFunctional own: return own.Replace(name, AsParameter(value));
            default:
                // The module keeps its Parameter; only the memory under it changes, so that a view of a file is never written to.
                var parameter = Current(module, name)!;
                using (no_grad())
                {
                    var old = parameter.detach().DetachFromDisposeScope();
                    parameter.set_(value);
                    value.Dispose();
                    return old;
                }
        }
    }

    private static Parameter AsParameter(Tensor value)
    {
        if (value is Parameter parameter) return parameter;
        var made = new Parameter(value, requires_grad: false);
        made.DetachFromDisposeScope();
        return made;
    }

    private sealed record Change(string Module, nn.Module Target, string Name, IDisposable New, ScalarType DType,
        (TorchSharp.DeviceType, int) Device)
    {
        public IDisposable? Old { get; set; }
    }
}
