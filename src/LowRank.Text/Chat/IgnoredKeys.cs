using System.Collections.Concurrent;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>Keys of rows and of their messages that are left out because the user says so (`ignore_columns`), and which of them were met.
/// It may be asked by several threads.</summary>
public sealed class IgnoredKeys(IEnumerable<string> names)
{
    private const int MostOthers = 1000;

    private readonly SortedSet<string> _names = new(names, StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _met = new(StringComparer.Ordinal); // and whether it is one of them

    /// <summary>None.</summary>
    public static IgnoredKeys None { get; } = new([]);

    /// <summary>The keys, in order.</summary>
    public IReadOnlyCollection<string> Names => _names;

    /// <summary>Whether a key that was met is left out.</summary>
    public bool Take(string name)
    {
        if (_names.Count == 0) return false;
        if (_met.TryGetValue(name, out bool ignored)) return ignored;
        ignored = _names.Contains(name);
        if (ignored || _met.Count < MostOthers + _names.Count) _met[name] = ignored;
        return ignored;
    }

    /// <summary>What is to be said of those that were not met, a sentence each.</summary>
    /// <param name="data">What was read.</param>
    public IEnumerable<string> UnmetNotes(string data)
        => _names.Where(n => !_met.ContainsKey(n)).Select(n => $"{data}: no row has the key \"{n}\", which ignore_columns names."
            + (NearNames.Sentence(n, _met.Where(m => !m.Value).Select(m => m.Key)) is { } near ? " " + near : ""));
}
