using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class AdapterHost
{
    /// <summary>Makes an adapter's layers without putting them on the model.</summary>
    private Adapter Build(string name, LoraConfig config, ulong seed, string? modelType)
    {
        var (targets, resolved) = Targets.Resolve(_modules, config, modelType);
        var random = new Randomness(seed);
        var method = AdapterMethods.Of(resolved);
        List<AdapterLayer> layers = [];
        foreach (var target in targets) layers.Add(method.Create(target, resolved, random));
        return new Adapter(this, name, resolved, layers);
    }

    private void Register(Adapter adapter)
    {
        var modules = _modules.ToDictionary(m => m.Name, m => m.Module, StringComparer.Ordinal);
        foreach (var layer in adapter.Layers)
        {
            if (!_slots.TryGetValue(layer.Module, out var slot))
            {
                _slots.Add(layer.Module, slot = new Slot(this, layer.Module, (nn.Module<Tensor, Tensor>)modules[layer.Module]));
                _watching = true;
            }
            slot.Add(adapter, layer);
        }
        bool first = _adapters.Count == 0;
        _adapters.Add(adapter.Name, adapter);
        if (first) Active = [(adapter, 1)];
    }

    /// <summary>Copies of base tensors that PEFT puts into the file.</summary>
    internal IEnumerable<(string Key, Tensor Tensor)> BaseTensorsToSave(Adapter adapter) => [];

    /// <summary>Base tensors that a file may hold, for comparison.</summary>
    internal IEnumerable<(string Key, Tensor Tensor)> BaseTensorsInFile(Adapter adapter) => BaseTensorsToSave(adapter);
}
