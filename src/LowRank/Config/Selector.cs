namespace LowRank;

/// <summary>Which modules are meant: a list of names (whole, or ends of dotted paths), or a regular expression over whole paths, or every linear layer.</summary>
public sealed record Selector
{
    private readonly PythonRegex? _regex;

    private Selector(IReadOnlyList<string>? names, string? pattern, PythonRegex? regex) => (Names, Pattern, _regex) = (names, pattern, regex);

    /// <summary>The names; null where a pattern is given.</summary>
    public IReadOnlyList<string>? Names { get; }
    /// <summary>The regular expression, or `all-linear`; null where names are given.</summary>
    public string? Pattern { get; }
    /// <summary>Every linear layer except the one that makes the logits.</summary>
    public static Selector AllLinear { get; } = new(null, "all-linear", null);
    /// <summary>Whether this is <see cref="AllLinear"/>.</summary>
    public bool IsAllLinear => Pattern is not null && _regex is null;

    /// <summary>Modules whose path is, or ends in a dot and, one of the names.</summary>
    public static Selector Of(params string[] names)
    {
        ArgumentNullException.ThrowIfNull(names);
        foreach (string name in names) ArgumentNullException.ThrowIfNull(name, nameof(names));
        return new([.. names], null, null);
    }

    /// <summary>Modules whose whole path matches; `all-linear` means <see cref="AllLinear"/>.</summary>
    /// <exception cref="LowRank.Tensors.BadInputException">The expression is malformed.</exception>
    public static Selector OfPattern(string pattern)
        => pattern is null ? throw new ArgumentNullException(nameof(pattern)) : pattern.Equals("all-linear", StringComparison.OrdinalIgnoreCase) ? AllLinear : new(null, pattern, PythonRegex.Whole(pattern));

    /// <summary>Whether a module's path is meant (never for <see cref="AllLinear"/>, which asks for its kind).</summary>
    public bool Matches(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Names is null ? _regex?.IsMatch(path) == true
            : Names.Any(n => path == n || path.EndsWith("." + n, StringComparison.Ordinal));
    }

    /// <inheritdoc/>
    public bool Equals(Selector? other)
        => other is not null && Pattern == other.Pattern && (Names is null ? other.Names is null : other.Names is not null && Names.SequenceEqual(other.Names));

    /// <inheritdoc/>
    public override int GetHashCode() => Pattern?.GetHashCode(StringComparison.Ordinal) ?? Names!.Count;

    /// <inheritdoc/>
    public override string ToString() => Pattern ?? "[" + string.Join(", ", Names!) + "]";

    /// <summary>A list of names.</summary>
    public static implicit operator Selector(string[] names) => Of(names);
}
