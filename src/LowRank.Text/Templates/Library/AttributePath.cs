using System.Numerics;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>What filters look up in each item: "a.b.0", a number, or the item itself.</summary>
/// <param name="attribute">The path; null or None for the item itself.</param>
/// <param name="standard">What stands in for what is not there; null for nothing.</param>
/// <param name="ignoreCase">Whether text is compared in lower case.</param>
internal sealed class AttributePath(Value? attribute, Value? standard = null, bool ignoreCase = false)
{
    private readonly Value[] _parts = attribute switch { null or None => [], Str s => [.. s.Text.Split('.').Select(Part)], _ => [attribute] };

    /// <summary>The value that an item has there.</summary>
    public Value Of(Run run, Value item)
    {
        foreach (var part in _parts)
        {
            run.Charge(1);
            item = Members.Item(item, part, run);
            if (standard is not null and not None && item is Undefined) item = standard;
        }
        if (!ignoreCase || item is not Str text) return item;
        run.Charge(text.Weight);
        return Str.Of(Casing.Lower(text.Text));
    }

    /// <summary>The values of many items.</summary>
    public Value[] Of(Run run, Value[] items)
    {
        var values = new Value[items.Length];
        for (int i = 0; i < values.Length; i++) values[i] = Of(run, items[i]);
        return values;
    }

    private static Value Part(string part) => part.Length is > 0 and < 10 && part.All(char.IsAsciiDigit) ? Int.Of(BigInteger.Parse(part, System.Globalization.CultureInfo.InvariantCulture)) : new Str(part);
}
