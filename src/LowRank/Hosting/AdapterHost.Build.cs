using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class AdapterHost
{
    /// <summary>Makes an adapter's layers without putting them on the model.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="seed">What its numbers are drawn from.</param>
    /// <param name="modelType">For the usual targets; null: unknown.</param>
    /// <param name="file">The file that all numbers are read from afterwards: then no initialisation is worked out that would change the base. Null: there is none.</param>
    private Adapter Build(string name, LoraConfig config, ulong seed, string? modelType, StoredAdapter? file = null)
    {
        ObjectDisposedException.ThrowIf(_hadParameters && !Model.parameters().Any(), Model);
        var (targets, resolved, ties) = Resolve(config, modelType, strict: file is null);
        if (file is null) AdapterSize.Check(targets, resolved);
        if (file is not null) AdapterFit.CheckTargets(file, targets, resolved);
        var random = new Randomness(seed);
        var method = AdapterMethods.Of(resolved);
        var tokens = Tokens(resolved, targets);
        var saved = Saved(resolved, targets, tokens, ties);
        List<AdapterLayer> layers = [];
        try
        {
            layers.AddRange(saved.Select(m => SavedModule.Create(m.Name, m.Module)));
            var start = file is not null && resolved.Initialisation == LoraInitialisation.LoftQ ? resolved with { Initialisation = LoraInitialisation.Default } : resolved;
            if (start.Initialisation == LoraInitialisation.LoftQ) LoftQ.Check(targets, start);
            foreach (var target in targets) layers.Add(method.Create(target, start, random));
            foreach (var (table, head) in ties)
            {
                if (layers.OfType<LoraLayer>().FirstOrDefault(l => l.Module == table.Name) is { } factors) layers.Add(factors.ForTiedOutput(head));
                if (layers.OfType<SavedModule>().FirstOrDefault(l => l.Module == table.Name) is { } copy) layers.Add(copy.ForTiedOutput(head));
            }
            layers.AddRange(TrainedBias.Create(_modules, targets, resolved));
            foreach (var (table, ids, head) in tokens)
            {
                var rows = TrainedTokens.Create(table, ids);
                layers.Add(rows);
                if (head is not null) layers.Add(rows.ForTiedOutput(head));
            }
        }
        catch
        {
            foreach (var layer in layers)
            {
                foreach (var parameter in layer.Parameters) parameter.Parameter.Dispose();
                layer.DisposeExtras();
            }
            throw;
        }
        var order = _modules.Select((m, i) => (m.Name, i)).ToDictionary(m => m.Name, m => m.i, StringComparer.Ordinal);
        return new Adapter(this, name, config, resolved, [.. layers.OrderBy(l => order[l.Module])]);
    }

    /// <summary>The layers that get factors, the configuration as it was understood, and the pairs that it keeps tied.</summary>
    private (List<BaseLayer> Targets, LoraConfig Config, List<(BaseLayer Table, BaseLayer Head)> Ties) Resolve(LoraConfig config,
        string? modelType, bool strict)
    {
        var (targets, resolved) = Targets.Resolve(_modules, config, modelType, strict);
        return (targets, resolved, resolved.EnsureWeightTying ? Ties(targets, resolved) : []);
    }

    /// <summary>
    /// The tied pairs of the model. Where either of a pair is targeted, the embedding becomes the target and the output layer follows it.
    /// </summary>
    private List<(BaseLayer Table, BaseLayer Head)> Ties(List<BaseLayer> targets, LoraConfig config)
    {
        List<(BaseLayer, BaseLayer)> pairs = [];
        foreach (var table in _modules.Select(m => LayerKinds.Of(m.Name, m.Module)).OfType<EmbeddingTable>())
        {
            if (TiedPairs.OutputOf(table, _modules) is not { } head) continue;
            pairs.Add((table, head));
            if (targets.RemoveAll(t => t.Name == head.Name || t.Name == table.Name) == 0) continue;
            if (config.UseDora) throw new BadInputException("DoRA cannot adapt a tied embedding and output layer as one", table.Name, "ensure_weight_tying", remedy: "Set ensure_weight_tying: false, or leave out use_dora.");
            targets.Insert(0, table);
        }
        return pairs;
    }

    /// <summary>The embeddings with trained rows, and the output layers that share them.</summary>
    private List<(EmbeddingTable Table, IReadOnlyList<long> Ids, BaseLayer? Head)> Tokens(LoraConfig config, List<BaseLayer> targets)
    {
        List<(EmbeddingTable, IReadOnlyList<long>, BaseLayer?)> result = [];
        foreach (var (name, ids) in config.TrainableTokens ?? [])
        {
            var tables = name.Length == 0
                ? [TiedPairs.InputEmbedding(_modules)]
                : _modules.Where(m => HasEnd(m.Name, name)).Select(m => LayerKinds.Of(m.Name, m.Module)).OfType<EmbeddingTable>().ToList();
            if (tables.Count == 0) throw new BadInputException("no embedding has this name", name, "trainable_token_indices", remedy: NearNames.Sentence(name, _modules.Where(m => LayerKinds.Of(m.Name, m.Module) is { IsEmbedding: true }).Select(m => m.Name)));
            foreach (var table in tables)
            {
                if (targets.Any(t => t.Name == table.Name)) throw new BadInputException("an embedding cannot be both a target and have trained rows", table.Name, "trainable_token_indices", remedy: "Leave it out of target_modules.");
                if (table.RowRefusal("trainable_token_indices") is { } refusal) throw refusal;
                result.Add((table, ids, TiedPairs.OutputOf(table, _modules)));
            }
        }
        return result;
    }

    // PEFT finds whole modules by any end of their path, not only a dotted one: "norm" is input_layernorm too.
    private static bool HasEnd(string path, string end) => end.Length > 0 && (Adapter.KeyPrefix + path).EndsWith(end, StringComparison.Ordinal);

    /// <summary>The modules trained as copies.</summary>
    private List<(string Name, nn.Module Module)> Saved(LoraConfig config, List<BaseLayer> targets, List<(EmbeddingTable Table, IReadOnlyList<long> Ids, BaseLayer? Head)> tokens, List<(BaseLayer Table, BaseLayer Head)> ties)
    {
        List<(string Name, nn.Module Module)> result = [];
        List<BadInputException> absent = [];
        foreach (string name in config.ModulesToSave ?? [])
        {
            var found = _modules.Where(m => HasEnd(m.Name, name)).ToList();
            if (found.Count == 0)
                absent.Add(new("no module has this name", name, "modules_to_save", remedy: UnusedTargets.Remedy(name, _modules.Select(m => m.Name))));
            result.AddRange(found.Where(f => result.All(r => r.Name != f.Name)));
        }
        if (absent.Count > 0) throw BadInputException.All("modules to save that the model does not have", absent);
        foreach (var (table, head) in ties)
            if (result.RemoveAll(m => m.Name == head.Name || m.Name == table.Name) > 0) result.Add((table.Name, table.Module));
        if (result.FirstOrDefault(m => targets.Any(t => t.Name == m.Name)) is { Name: not null } both)
            throw new BadInputException("a module cannot be both a target and trained as a copy", both.Name, "modules_to_save", remedy: "Leave it out of target_modules, or exclude it with exclude_modules.");
        if (result.FirstOrDefault(m => tokens.Any(t => t.Table.Name == m.Name)) is { Name: not null } rows)
            throw new BadInputException("an embedding cannot be both trained as a copy and by rows", rows.Name, "modules_to_save", remedy: "Leave out one of the two.");
        return result;
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

    /// <summary>Copies of base tensors that PEFT puts into the file: the tables of targeted embeddings.</summary>
    internal IEnumerable<(string Key, Tensor Tensor)> BaseTensorsToSave(Adapter adapter)
        => adapter.Layers.Where(l => l.Parameters.Any(p => p.Role == ParameterRole.EmbeddingA))
            .Select(l => ($"{Adapter.KeyPrefix}{l.Module}.base_layer.weight", OriginalWeight(l.Module)))
            .Concat(Mirrors(adapter));

    /// <summary>Tensors that follow from others of the adapter; they change with those.</summary>
    internal static IEnumerable<(string Key, Tensor Tensor)> Mirrors(Adapter adapter)
        => adapter.Layers.SelectMany(l => l.Mirrors.Select(m => ($"{Adapter.KeyPrefix}{l.Module}.{m.Suffix}", m.Value)));

    /// <summary>Base tensors that a file may hold, for comparison: the weight of every module the adapter touches that is an embedding or an output layer.</summary>
    /// <param name="adapter">Whose file it is.</param>
    /// <param name="isIn">Whether the file holds a key: only then is the weight read.</param>
    internal IEnumerable<(string Key, Tensor Tensor)> BaseTensorsInFile(Adapter adapter, Func<string, bool> isIn)
    {
        var touched = adapter.Layers.ToLookup(l => l.Module);
        foreach (var (name, module) in _modules)
        {
            if (LayerKinds.Of(name, module) is not { } layer || !(layer.IsEmbedding || layer.IsLinear)) continue;
            if (touched[name].Any(l => l is SavedModule)) continue;
            string key = touched[name].Any(l => l.Rank > 0) ? "base_layer.weight" : touched[name].Any() ? "token_adapter.base_layer.weight" : "weight";
            key = $"{Adapter.KeyPrefix}{name}.{key}";
            if (isIn(key)) yield return (key, OriginalWeight(name));
        }
    }

    private Tensor OriginalWeight(string module)
        => _merged?.Original(module, "weight") ?? LayerKinds.Of(module, _modules.First(m => m.Name == module).Module)!.Weight;
}
