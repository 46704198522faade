using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The weights that merging put into the model, and those that were there.</summary>
internal sealed class MergedWeights
{
    private readonly List<(string Module, nn.Module Target, string Name, IDisposable New, IDisposable? Old)> _changes = [];

    public int Count => _changes.Count;

    /// <summary>What stood at a place before merging; null where it was not touched.</summary>
    public Tensor? Original(string module, string name) => _changes.FirstOrDefault(c => c.Module == module && c.Name == name).Old switch
    {
        QuantizedWeight blocks => blocks.Dequantize(ScalarType.Float32),
        var other => (Tensor?)other,
    };

    /// <summary>Notes a new value, not yet in force; it outlives the current scope.</summary>
    public void Plan(string module, nn.Module target, string name, Tensor value) => _changes.Add((module, target, name, value.DetachFromDisposeScope(), null));

    /// <summary>The same for a weight that is to be quantised.</summary>
    public void Plan(string module, nn.Module target, string name, QuantizedWeight value) => _changes.Add((module, target, name, value, null));

    /// <summary>Puts all new values in place.</summary>
    public void Apply()
    {
        for (int i = 0; i < _changes.Count; i++)
        {
            var c = _changes[i];
            _changes[i] = c with { Old = Put(c.Target, c.Name, c.New) };
        }
    }

    /// <summary>Puts the old ones back: the very parameters where the module lets them be replaced, else their very memory.</summary>
    public void Restore()
    {
        foreach (var c in Enumerable.Reverse(_changes))
        {
            if (Put(c.Target, c.Name, c.Old!) is { } merged && !ReferenceEquals(merged, c.Old)) merged.Dispose();
        }
        _changes.Clear();
    }

    public void Discard()
    {
        foreach (var c in _changes) c.New.Dispose();
        _changes.Clear();
    }

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
            default:
                // The module keeps its Parameter; only the memory under it changes, so that a view of a file is never written to.
                var parameter = module.named_parameters(recurse: false).First(p => p.name == name).parameter;
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
}
