using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The place of all adapters on one module of the base: one forward hook that adds what the active adapters give.</summary>
internal sealed class Slot
{
    private readonly AdapterHost _host;
    private readonly Action _unhook;
    private readonly Dictionary<Adapter, List<AdapterLayer>> _layers = [];

    public Slot(AdapterHost host, string name, nn.Module<Tensor, Tensor> module)
    {
        (_host, Name, Module) = (host, name, module);
        var hook = module.register_forward_hook(Fire);
        _unhook = hook.remove;
    }

    public string Name { get; }
    public nn.Module<Tensor, Tensor> Module { get; }
    /// <summary>Whether the module was called since the hook was put there.</summary>
    public bool Fired { get; private set; }
    public bool IsEmpty => _layers.Count == 0;

    public void Add(Adapter adapter, AdapterLayer layer)
    {
        if (!_layers.TryGetValue(adapter, out var layers)) _layers.Add(adapter, layers = []);
        layers.Add(layer);
    }

    public void Remove(Adapter adapter) => _layers.Remove(adapter);
    public IReadOnlyList<AdapterLayer> Of(Adapter adapter) => _layers.GetValueOrDefault(adapter) ?? [];
    public void Unhook() => _unhook();

    private Tensor Fire(nn.Module<Tensor, Tensor> module, Tensor input, Tensor baseOutput)
    {
        Fired = true;
        if (!_host.IsOn) return baseOutput;
        if (_host.Mixed is { } rows) return Mix(rows, input, baseOutput);
        DisposeScope? scope = null;
        try
        {
            var output = baseOutput;
            foreach (var (adapter, strength) in _host.Active)
            {
                if (strength == 0 || !_layers.TryGetValue(adapter, out var layers)) continue;
                scope ??= NewDisposeScope();
                foreach (var layer in layers) output = layer.Forward(input, baseOutput, output, strength, adapter.Training);
            }
            return scope is null || ReferenceEquals(output, baseOutput) ? output : output.MoveToOuterDisposeScope();
        }
        finally { scope?.Dispose(); }
    }

    // Each adapter sees only its own rows; what it gives takes their place.
    private Tensor Mix(RowScope rows, Tensor input, Tensor baseOutput)
    {
        if (!rows.Groups.Any(g => g.Strength != 0 && _layers.ContainsKey(g.Adapter))) return baseOutput;
        rows.Check(Name, input);
        using var scope = NewDisposeScope();
        var output = baseOutput;
        foreach (var (adapter, strength, index) in rows.Groups)
        {
            if (strength == 0 || !_layers.TryGetValue(adapter, out var layers)) continue;
            Tensor x = index is null ? input : input.index_select(0, index), y = index is null ? baseOutput : baseOutput.index_select(0, index), own = y;
            foreach (var layer in layers) own = layer.Forward(x, y, own, strength, adapter.Training);
            output = index is null ? own : output.index_copy(0, index, own);
        }
        return output.MoveToOuterDisposeScope();
    }
}
