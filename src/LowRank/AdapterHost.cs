using System.Runtime.CompilerServices;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// The one owner of a base model's adapters. It hangs them on the existing modules by forward hooks and changes nothing of the base, except
/// that its parameters are frozen and, between <see cref="Merge"/> and <see cref="Unmerge"/>, replaced.
/// </summary>
public sealed partial class AdapterHost
{
    private static readonly ConditionalWeakTable<nn.Module, AdapterHost> Hosts = [];

    private readonly List<(string Name, nn.Module Module)> _modules;
    private readonly ModuleTree _tree;
    private readonly HashSet<string> _frozen = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Slot> _slots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Adapter> _adapters = new(StringComparer.Ordinal);
    private readonly List<AdapterHold> _holds = [];
    private readonly bool _hadParameters; // a disposed module has none
    private readonly string? _modelType;
    private int _disabled;
    private bool _detached;

    private AdapterHost(nn.Module model, string? modelType)
    {
        (Model, _modelType) = (model, modelType);
        _tree = new ModuleTree(model);
        // TorchSharp may list a module again under its field's name; the name it was first registered with is the one that counts.
        _modules = [.. model.named_modules().Where(m => m.name.Length > 0).DistinctBy(m => m.module, ReferenceEqualityComparer.Instance).DistinctBy(m => m.name)];
        foreach (var (name, parameter) in model.named_parameters())
            if (parameter.requires_grad) { parameter.requires_grad = false; _frozen.Add(name); }
        _hadParameters = model.parameters().Any();
        WatchRoot();
    }

    /// <summary>The base model.</summary>
    public nn.Module Model { get; }
    /// <summary>All adapters by name.</summary>
    public IReadOnlyDictionary<string, Adapter> Adapters => _adapters;
    /// <summary>The active adapters with their strengths, in the order given.</summary>
    public IReadOnlyList<(Adapter Adapter, double Strength)> Active { get; private set; } = [];
    /// <summary>Whether adapters are folded into the weights at present.</summary>
    public bool IsMerged => _merged is not null;
    /// <summary>What stands for the merge in force: another object for each; null where nothing is merged.</summary>
    public object? Merged => _merged;

    /// <summary>Whether a <see cref="Disabled"/> scope is in force.</summary>
    public bool IsDisabled => _disabled > 0;
    /// <summary>Whether the active adapters act in a forward pass: nothing is merged, and no <see cref="Disabled"/> or <see cref="Rows"/> scope is in force.</summary>
    public bool IsActing => IsOn && Mixed is null && !_detached;

    internal bool IsOn => _disabled == 0 && _merged is null;
    internal RowScope? Mixed { get; private set; }

    /// <summary>Becomes the owner of a model's adapters and freezes its parameters.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modelType">`model_type` of its config.json, for the usual targets of adapters that name none; null: unknown.</param>
    /// <exception cref="BadInputException">The model, a part of it or what it is a part of has an owner already: two of them could not unmerge in any order.</exception>
    public static AdapterHost Attach(nn.Module model, string? modelType = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Hosts.TryGetValue(model, out var owner) && ReferenceEquals(owner.Model, model))
            throw new BadInputException("the model has an adapter host already", model.GetName(),
            remedy: "Use that one, or Detach() it first.");
        foreach (var (name, module) in model.named_modules().Prepend(("", model)))
            if (Hosts.TryGetValue(module, out var other))
                throw new BadInputException("a module of this model has an adapter host already, which another one would merge over",
                    $"{(name.Length == 0 ? model.GetName() : name)}, of a {other.Model.GetName()}",
                    remedy: "Use that host (its adapters may target modules of any part), or Detach() it first.");
        var host = new AdapterHost(model, modelType);
        foreach (var module in host._tree.All) Hosts.AddOrUpdate(module, host);
        return host;
    }

    /// <summary>Makes a new adapter. The first adapter of a host is active at once, later ones by <see cref="Activate"/>.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="seed">The same seed gives the same bits, whatever else draws random numbers.</param>
    /// <param name="modelType">The same as <see cref="Attach"/>'s, where that has none.</param>
    /// <exception cref="BadInputException">The configuration cannot be used on this model.</exception>
    public Adapter Add(string name, LoraConfig config, ulong seed, string? modelType = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireUnmerged("adding an adapter");
        RequireNewName(name);
        RefuseReplaced(_tree.Replaced());
        config.Validate();
        var adapter = Build(name, config, seed, modelType ?? _modelType);
        Register(adapter);
        return adapter;
    }

    /// <summary>How many numbers the low-rank factors of an adapter would have, and where its rank stands in its layers; nothing is made.</summary>
    /// <exception cref="BadInputException">The configuration cannot be used on this model.</exception>
    public AdapterSize Measure(LoraConfig config, string? modelType = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        var (targets, resolved, _) = Resolve(config, modelType ?? _modelType, strict: true);
        return AdapterSize.Of(targets, resolved);
    }

    internal AdapterSize Measure(Adapter adapter)
    {
        // a tied output layer has no factors of its own
        var ranked = adapter.Layers.Where(l => l.Rank > 0 && l.Parameters.Count > 0).Select(l => l.Module).ToHashSet();
        return AdapterSize.Of([.. _modules.Where(m => ranked.Contains(m.Name)).Select(m => LayerKinds.Of(m.Name, m.Module)!)], adapter.Config);
    }

    /// <summary>Reads a PEFT folder: what PEFT reads, and strictly, every tensor that is missing, unexpected or of the wrong shape is told.</summary>
    /// <exception cref="BadInputException">The folder is no adapter or was made for another base.</exception>
    public Adapter Load(string name, string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        RequireUnmerged("loading an adapter");
        RequireNewName(name);
        RefuseReplaced(_tree.Replaced());
        using var file = StoredAdapter.Open(folder);
        Adapter adapter;
        try { adapter = Build(name, file.Config, 0, _modelType, file); }
        catch (BadInputException e) { throw new BadInputException("the adapter cannot be put on this base model: " + e.Message, place: folder, inner: e); }
        try { AdapterFit.Fill(adapter, file); }
        catch { adapter.Dispose(); throw; }
        Register(adapter);
        return adapter;
    }

    /// <summary>Sets which adapters act, each with its strength: 1 is as trained, 0 is exactly the base, others in between or beyond, negative too. None: the base.</summary>
    public void Activate(params (string Name, double Strength)[] adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        RequireStill("changing the active adapters");
        foreach (var (name, strength) in adapters) RequireStrength(name, strength);
        RefuseReplaced();
        if (adapters.GroupBy(a => a.Name).FirstOrDefault(g => g.Count() > 1) is { } twice) throw new BadInputException("an adapter is given twice", twice.Key);
        Active = [.. adapters.Select(a => (Get(a.Name), a.Strength))];
    }

    /// <summary>Gives each row of the batch (dimension 0) its own adapter, or null for the base, until the result is disposed.</summary>
    /// <param name="adapterOfRow">A name or null for each row.</param>
    /// <param name="strengths">Strengths by the name of an adapter of this host; null or absent: 1.</param>
    /// <exception cref="BadInputException">A name that is no adapter's, a strength that is no number.</exception>
    public IDisposable Rows(IReadOnlyList<string?> adapterOfRow, IReadOnlyDictionary<string, double>? strengths = null)
    {
        ArgumentNullException.ThrowIfNull(adapterOfRow);
        RequireStill("a mixed batch");
        RefuseReplaced();
        return Mix(adapterOfRow, strengths);
    }

    /// <summary>
    /// Keeps which adapters act as it is until the result is disposed: whoever runs a model several times for one answer holds it, and what would change the answer half-way - activating, disabling,
    /// merging, deleting, detaching, a mixed batch of others - is refused. Adapters may come meanwhile. May be nested.
    /// </summary>
    /// <param name="why">What is going on, for the refusal: "a generation".</param>
    /// <exception cref="BadInputException">A module was replaced since the host came to the model.</exception>
    public AdapterHold Hold(string why)
    {
        ArgumentNullException.ThrowIfNull(why);
        ObjectDisposedException.ThrowIf(_detached, this);
        RefuseReplaced();
        if (Mixed is not null) throw new InvalidOperationException($"{why} inside a mixed batch: dispose that first, and give each request its own adapter");
        var hold = new AdapterHold(this, why);
        _holds.Add(hold);
        return hold;
    }

    internal void End(AdapterHold hold) => _holds.Remove(hold);

    internal RowScope Mix(IReadOnlyList<string?> adapterOfRow, IReadOnlyDictionary<string, double>? strengths)
    {
        ArgumentNullException.ThrowIfNull(adapterOfRow);
        RequireUnmerged("a mixed batch");
        foreach (var (name, strength) in strengths ?? new Dictionary<string, double>())
        {
            _ = Get(name);
            RequireStrength(name, strength);
        }
        if (Mixed is not null) throw new InvalidOperationException("a mixed batch is in force already: dispose it first");
        var device = Model.parameters().FirstOrDefault()?.device ?? CPU;
        return Mixed = new RowScope(this, [.. adapterOfRow.Select(n => n is null ? ((Adapter?)null, 1.0) : (Get(n), strengths?.GetValueOrDefault(n, 1) ?? 1))], device);
    }

    /// <summary>Switches all adapters off until the result is disposed; may be nested.</summary>
    public IDisposable Disabled()
    {
        RequireStill("disabling the adapters");
        _disabled++;
        return new Ending(() => _disabled--);
    }

    /// <summary>Removes an adapter and frees its tensors.</summary>
    public void Delete(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        RequireStill("deleting an adapter");
        if (Mixed is not null) throw new InvalidOperationException("a mixed batch is in force: dispose it first");
        var adapter = Get(name);
        Active = [.. Active.Where(a => a.Adapter != adapter)];
        _adapters.Remove(name);
        foreach (var (path, slot) in _slots.ToList())
        {
            slot.Remove(adapter);
            if (!slot.IsEmpty) continue;
            slot.Unhook();
            _slots.Remove(path);
        }
        adapter.Dispose();
    }

    /// <summary>Takes everything off the model again: unmerges, removes every hook, frees every adapter, unfreezes what was frozen.</summary>
    public void Detach()
    {
        if (_detached) return;
        RequireNoHold("detaching");
        if (IsMerged) Unmerge();
        Mixed?.Dispose();
        foreach (string name in _adapters.Keys.ToList()) Delete(name);
        _unwatchRoot();
        foreach (var (name, parameter) in Model.named_parameters())
            if (_frozen.Contains(name) && !parameter.IsInvalid) parameter.requires_grad = true;
        foreach (var module in _tree.All) Hosts.Remove(module);
        _detached = true;
    }

    internal void EndRows(RowScope scope)
    {
        if (ReferenceEquals(Mixed, scope)) Mixed = null;
    }

    internal Adapter Get(string name)
        => _adapters.GetValueOrDefault(name) ?? throw new BadInputException("there is no adapter of this name", name, expected: _adapters.Count == 0 ? "none is loaded" : string.Join(", ", _adapters.Keys), remedy: NearNames.Sentence(name, _adapters.Keys));

    private void RequireNewName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0 || name.Contains('/') || name.Contains('\\')) throw new BadInputException("an adapter's name cannot be empty or hold a slash", name);
        if (_adapters.ContainsKey(name)) throw new BadInputException("there is an adapter of this name already", name, remedy: "Delete it first, or choose another name.");
    }

    private static void RequireStrength(string name, double strength)
    {
        if (!double.IsFinite(strength)) throw new BadInputException("an adapter's strength must be a number", $"{name}={strength}");
        if (!float.IsFinite((float)strength))
            throw new BadInputException("an adapter's strength is beyond float32", $"{name}={strength}", expected: "at most 3.4e38");
    }

    private void RequireStill(string what)
    {
        RequireUnmerged(what);
        RequireNoHold(what);
    }

    private void RequireNoHold(string what)
    {
        if (_holds.Count > 0) throw new InvalidOperationException($"{what} during {_holds[^1].Why}: it would change its result half-way; wait for its end");
    }

    private void RequireUnmerged(string what)
    {
        ObjectDisposedException.ThrowIf(_detached, this);
        if (IsMerged) throw new BadInputException($"{what} is refused while adapters are merged into the weights", remedy: "Unmerge() first.");
    }

    private sealed class Ending(Action end) : IDisposable
    {
        private Action? _end = end;

        public void Dispose()
        {
            _end?.Invoke();
            _end = null;
        }
    }
}
