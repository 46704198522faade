using System.Globalization;
using System.Numerics;
using System.Text.Json;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates;

/// <summary>JSON as Python reads it: 1 is an int of any size, 1.0 a float.</summary>
internal static class JsonValues
{
    public static Value Of(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => Str.Of(Text(element)),
        JsonValueKind.True => Bool.True,
        JsonValueKind.False => Bool.False,
        JsonValueKind.Number => Number(element.GetRawText()),
        JsonValueKind.Array => List(element),
        JsonValueKind.Object => Dict(element),
        _ => None.Instance,
    };

    private static ListValue List(JsonElement element)
    {
        Fail.CheckStack();
        var items = new Value[element.GetArrayLength()];
        int i = 0;
        foreach (var item in element.EnumerateArray()) items[i++] = Of(item);
        return new ListValue(items);
    }

    private static DictValue Dict(JsonElement element)
    {
        Fail.CheckStack();
        var dict = new DictValue(element.GetPropertyCount());
        foreach (var property in element.EnumerateObject()) dict.Set(new Str(Name(property)), Of(property.Value));
        return dict;
    }

    private static string Text(JsonElement element)
    {
        try { return element.GetString()!; }
        catch (InvalidOperationException) { throw HalfPair(); }
    }

    private static string Name(JsonProperty property)
    {
        try { return property.Name; }
        catch (InvalidOperationException) { throw HalfPair(); }
    }

    private static TemplateException HalfPair() => Fail.Runtime("a text of the request holds half a surrogate pair");

    private static Value Number(string text)
    {
        if (text.AsSpan().IndexOfAny("eE.") >= 0) return new Float(double.Parse(text, CultureInfo.InvariantCulture));
        if (text.Length > TemplateLimits.IntegerDigits) throw Fail.Runtime($"Exceeds the limit ({TemplateLimits.IntegerDigits} digits) for integer string conversion");
        return Int.Of(BigInteger.Parse(text, CultureInfo.InvariantCulture));
    }
}
