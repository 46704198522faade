using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>A module whose parameters can be replaced: TorchSharp's own registry keeps the first for ever, so the list is kept here.</summary>
public abstract class StoredModule : nn.Module<Tensor, Tensor>
{
    private readonly List<(string Name, StoredWeight Weight)> _weights = [];

    private protected StoredModule(string name) : base(name) { }

    private protected StoredWeight Keep(string name, Parameter parameter, ScalarType computeDType)
    {
        parameter.DetachFromDisposeScope();
        return Keep(name, new StoredWeight(parameter, computeDType));
    }

    private protected StoredWeight Keep(string name, LowRank.Tensors.QuantizedWeight quantized, ScalarType computeDType) => Keep(name, new StoredWeight(quantized, computeDType));

    private StoredWeight Keep(string name, StoredWeight weight)
    {
        _weights.Add((name, weight));
        return weight;
    }

    /// <summary>Puts another parameter of the same shape in place of a plain one and returns the one that was there.</summary>
    public Parameter Replace(string name, Parameter value) => _weights.First(w => w.Name == name).Weight.Replace(value)!;

    /// <summary>The weights by their local names.</summary>
    internal IReadOnlyList<(string Name, StoredWeight Weight)> StoredWeights => _weights;

    /// <summary>The parameters; a quantised weight is none, since nothing can be trained of it.</summary>
    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
        => _weights.Where(w => w.Weight.Quantized is null).Select(w => (w.Name, w.Weight.Parameter));

    /// <inheritdoc/>
    public override IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(p => p.parameter);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _weights.ForEach(w => w.Weight.Dispose());
        base.Dispose(disposing);
    }
}

/// <summary>A module that only holds others under their names.</summary>
internal sealed class ModuleGroup(string name) : nn.Module(name);
