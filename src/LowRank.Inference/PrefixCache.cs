using LowRank.Models;

namespace LowRank.Inference;

/// <summary>
/// Keys and values kept from one generation to the next, so that a conversation's next turn computes only what is new. What a prompt shares with the tokens held is used
/// again as long as adapters of the same content act in the same way; whoever changes the base's own weights calls <see cref="Clear"/>.
/// </summary>
public sealed class PrefixCache : IDisposable
{
    private readonly List<int> _ids = [];
    private KvCache? _cache;
    private CausalLM? _model;
    private object?[] _state = [];

    /// <summary>How many tokens of the last prompt were not computed again.</summary>
    public int Reused { get; private set; }

    /// <summary>Forgets everything and frees the memory.</summary>
    public void Clear()
    {
        _cache?.Dispose();
        _cache = null;
        _ids.Clear();
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => Clear();

    /// <summary>The cache, cut back to what the prompt shares with it; at least one token is left to compute.</summary>
    internal KvCache Begin(CausalLM model, AdapterHost? host, IReadOnlyList<int> prompt, string? adapter)
    {
        object?[] state = StateOf(host, adapter);
        // Where frequencies depend on the length, older keys were turned by other ones.
        bool changing = model.Spec.Ropes.Any(r => r.Kind is RopeKind.Dynamic or RopeKind.LongRope);
        if (changing || !ReferenceEquals(model, _model) || !state.SequenceEqual(_state)) Clear();
        (_model, _state) = (model, state);
        _cache ??= model.NewCache();
        int same = 0, most = Math.Min(Math.Min(_ids.Count, _cache.Length), prompt.Count - 1);
        while (same < most && _ids[same] == prompt[same]) same++;
        _cache.Truncate(same);
        Reused = same;
        return _cache;
    }

    // What adapters do to the keys: which content acts how. A name says nothing, for it may have been given to other weights since; nor
    // does what was merged, for it may have been rounded in another way.
    private static object?[] StateOf(AdapterHost? host, string? adapter)
    {
        if (host is null) return [];
        if (adapter is not null) return ["row", host.Adapters[adapter].Digest(), host.IsDisabled];
        return [host.Merged, host.IsDisabled, .. host.Active.Where(a => a.Strength != 0)
            .Select(a => (object)(a.Adapter.Digest(), a.Strength))];
    }

    /// <summary>Notes what the cache holds now.</summary>
    internal void End(IReadOnlyList<int> tokens)
    {
        _ids.Clear();
        _ids.AddRange(tokens.Take(_cache!.Length));
    }
}
