using System.Collections;
using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// Reads named options (of a schedule, of an optimizer) that came from YAML, from flags or from code. Mistakes are gathered, so that
/// <see cref="Finish"/> reports all of them at once; until then a wrong value reads as its default.
/// </summary>
internal sealed class OptionReader(string place, IReadOnlyDictionary<string, object?>? options)
{
    private readonly IReadOnlyDictionary<string, object?> _options = options ?? new Dictionary<string, object?>();
    private readonly HashSet<string> _known = [];
    private readonly List<BadInputException> _errors = [];

    public bool Has(string name) => _options.TryGetValue(name, out object? value) && !IsNull(value);

    public double Number(string name, double fallback, double minimum = double.NegativeInfinity, double maximum = double.PositiveInfinity)
        => Optional(name, minimum, maximum) ?? fallback;

    public double? Optional(string name, double minimum = double.NegativeInfinity, double maximum = double.PositiveInfinity)
    {
        if (!Take(name, out object? value)) return null;
        if (AsNumber(value) is { } number && number >= minimum && number <= maximum) return number;
        Wrong(name, value, "a number" + Bounds(minimum, maximum));
        return null;
    }

    public int Integer(string name, int fallback, int minimum = 0)
    {
        if (!Take(name, out object? value)) return fallback;
        if (AsNumber(value) is { } number && number >= minimum && number <= int.MaxValue && number == Math.Floor(number)) return (int)number;
        Wrong(name, value, $"a whole number of at least {minimum}");
        return fallback;
    }

    public bool Flag(string name, bool fallback)
    {
        if (!Take(name, out object? value)) return fallback;
        if (value is bool flag) return flag;
        if (value is string text && bool.TryParse(text, out flag)) return flag;
        Wrong(name, value, "true or false");
        return fallback;
    }

    public string Choice(string name, string fallback, params string[] allowed)
    {
        if (!Take(name, out object? value)) return fallback;
        if (value is string text && allowed.Contains(text)) return text;
        Wrong(name, value, "one of " + string.Join(", ", allowed));
        return fallback;
    }

    /// <summary>Two numbers, as a list or as text such as "(0.9, 0.999)".</summary>
    public (double First, double Second) Pair(string name, (double, double) fallback, double minimum = 0, double maximum = double.PositiveInfinity)
    {
        if (!Take(name, out object? value)) return fallback;
        object?[] parts = value switch
        {
            string text => text.Trim(' ', '(', ')', '[', ']').Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            IEnumerable list and not JsonNode => [.. list.Cast<object?>()],
            _ => [],
        };
        double?[] numbers = [.. parts.Select(AsNumber)];
        if (numbers.Length == 2 && numbers.All(n => n >= minimum && n <= maximum)) return (numbers[0]!.Value, numbers[1]!.Value);
        Wrong(name, value, "two numbers" + Bounds(minimum, maximum));
        return fallback;
    }

    /// <summary>Refuses an option that another one leaves without effect.</summary>
    public void RefuseUnused(string name, string why)
    {
        if (Has(name)) Refuse(new BadInputException("an option has no effect", Show(_options[name]), $"{place}.{name}", remedy: why));
    }

    public void Refuse(BadInputException error) => _errors.Add(error);

    /// <summary>Throws what was wrong: values of the wrong kind, options nobody asked for, what was refused.</summary>
    public void Finish()
    {
        foreach (string name in _options.Keys.Where(k => !_known.Contains(k)))
            _errors.Add(new BadInputException("an option that does not exist", name, place,
                _known.Count == 0 ? "no options" : "one of " + string.Join(", ", _known), NearNames.Sentence(name, _known)));
        if (_errors.Count > 0) throw BadInputException.All("the options are wrong", _errors);
    }

    private bool Take(string name, out object? value)
    {
        _known.Add(name);
        return _options.TryGetValue(name, out value) && !IsNull(value);
    }

    private void Wrong(string name, object? value, string expected)
        => _errors.Add(new BadInputException("an option has a wrong value", Show(value), $"{place}.{name}", expected));

    private static string? Show(object? value) => value switch
    {
        JsonNode node => node.ToJsonString(),
        IEnumerable list and not string => "[" + string.Join(", ", list.Cast<object?>().Select(Show)) + "]",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    private static bool IsNull(object? value) => value is null or "" or "null" or "None";

    private static double? AsNumber(object? value)
    {
        double? number = value switch
        {
            double d => d,
            float f => f,
            int i => i,
            long l => l,
            decimal m => (double)m,
            string s when double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out double d) => d,
            _ => null,
        };
        return number is { } n && double.IsFinite(n) ? n : null;
    }

    private static string Bounds(double minimum, double maximum) => (double.IsFinite(minimum), double.IsFinite(maximum)) switch
    {
        (true, true) => string.Create(CultureInfo.InvariantCulture, $" between {minimum} and {maximum}"),
        (true, false) => string.Create(CultureInfo.InvariantCulture, $" of at least {minimum}"),
        (false, true) => string.Create(CultureInfo.InvariantCulture, $" of at most {maximum}"),
        _ => "",
    };
}
