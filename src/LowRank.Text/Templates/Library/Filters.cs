using System.Collections.Frozen;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>All filters.</summary>
internal static class Filters
{
    public static readonly FrozenDictionary<string, Builtin> Table = Methods.Table([
        .. ListFilters.All, .. ChoiceFilters.All, .. TextFilters.All, .. LayoutFilters.All, .. WebFilters.All, .. NumberFilters.All, .. ValueFilters.All,
    ]);

    /// <summary>The filter of a name given as a value.</summary>
    public static Builtin Named(Value name) => name is Str s && Table.TryGetValue(s.Text, out var filter) ? filter : throw Fail.Runtime($"No filter named {Printing.PythonText.Repr(name)}.");
}
