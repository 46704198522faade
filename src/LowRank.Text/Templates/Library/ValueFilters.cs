using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Filters that take any value.</summary>
internal static class ValueFilters
{
    public static readonly Builtin[] All =
    [
        new("default", "default_value=, boolean=", (_, v, a) => Default(v, a)),
        new("d", "default_value=, boolean=", (_, v, a) => Default(v, a)),
        new("attr", "name", (_, v, a) => a[0] is Str name ? Members.Own(v, name.Text) ?? (v is Undefined u ? throw u.Error() : new Undefined(name, v)) : throw Fail.Runtime("attribute name must be string")),
        new("pprint", "", (run, v, _) => new Str(new PrettyText(run).Of(v))),
        new("tojson", "ensure_ascii=, indent=, separators=, sort_keys=", ToJson),
    ];

    private static Value Default(Value value, Value?[] a) => value is Undefined || (a[1] is { IsTrue: true } && !value.IsTrue) ? a[0] ?? Str.Empty : value;

    private static Str ToJson(Evaluation.Run run, Value value, Value?[] a)
    {
        string? indent = a[1] switch { null or None => null, Str s => s.Text, var n => new string(' ', Math.Clamp(StringMethods.Whole(n, 0), 0, 1000)) };
        var (item, key) = (indent is null ? ", " : ",", ": ");
        if (a[2] is not null and not None)
        {
            var pair = Iteration.Unpack(run, a[2]!, 2);
            (item, key) = (StringMethods.Text(pair[0]), StringMethods.Text(pair[1]));
        }
        return new Str(new JsonText(run, a[0] is { IsTrue: true }, indent, item, key, a[3] is { IsTrue: true }).Of(value));
    }
}
