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
        var weight = new StoredWeight(parameter, computeDType);
        _weights.Add((name, weight));
        return weight;
    }

    /// <summary>The weights by their local names.</summary>
    internal IReadOnlyList<(string Name, StoredWeight Weight)> StoredWeights => _weights;

    /// <inheritdoc/>
    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
        => _weights.Select(w => (w.Name, w.Weight.Parameter));

    /// <inheritdoc/>
    public override IEnumerable<Parameter> parameters(bool recurse = true) => _weights.Select(w => w.Weight.Parameter);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _weights.ForEach(w => w.Weight.Dispose());
        base.Dispose(disposing);
    }
}

/// <summary>A module that only holds others under their names.</summary>
internal sealed class ModuleGroup(string name) : nn.Module(name);
