namespace LowRank.Tensors;

/// <summary>
/// An error in what the user gave: says the value, the place, what was expected and the remedy.
/// The command line prints it as it is and ends with exit code 2; nothing has been written.
/// </summary>
public sealed class BadInputException : Exception
{
    private IReadOnlyList<BadInputException>? _parts;

    /// <summary>Makes the error; the message shown to people joins the given parts.</summary>
    /// <param name="problem">What is wrong, one clause without a full stop.</param>
    /// <param name="value">The offending value, as given; null where there is none.</param>
    /// <param name="place">Where: file, key, tensor, line; null where there is none.</param>
    /// <param name="expected">What would have been right; null where the problem says it.</param>
    /// <param name="remedy">What to do about it; null where it is plain.</param>
    /// <param name="inner">The error below, if any.</param>
    public BadInputException(string problem, string? value = null, string? place = null, string? expected = null, string? remedy = null, Exception? inner = null)
        : base(Compose(problem, value, place, expected, remedy), inner)
        => (Problem, Value, Place, Expected, Remedy) = (problem, value, place, expected, remedy);

    /// <summary>What is wrong.</summary>
    public string Problem { get; }
    /// <summary>The offending value.</summary>
    public string? Value { get; }
    /// <summary>Where it stands.</summary>
    public string? Place { get; }
    /// <summary>What was expected.</summary>
    public string? Expected { get; }
    /// <summary>What to do.</summary>
    public string? Remedy { get; }
    /// <summary>The errors that this one lists; of a single one, itself.</summary>
    public IReadOnlyList<BadInputException> Parts => _parts ?? [this];

    /// <summary>Joins several errors into one that lists them all; a single one comes back as it is, at <paramref name="place"/> where it has none of its own.</summary>
    public static BadInputException All(string problem, IReadOnlyList<BadInputException> errors, string? place = null)
        => errors.Count == 1
            ? errors[0].Place is null && place is not null ? errors[0].At(place) : errors[0]
            : new BadInputException($"{problem} ({errors.Count} mistakes):\n" + string.Join('\n', errors.Select(e => "  - " + e.Message)),
                place: place) { _parts = errors };

    /// <summary>The same error in a file, where its place does not name that yet.</summary>
    public BadInputException In(string file) => Place is null ? At(file) : Place.Contains(file, StringComparison.Ordinal) ? this : At($"{file}: {Place}");

    /// <summary>The same error at another place.</summary>
    internal BadInputException At(string place) => new(Problem, Value, place, Expected, Remedy, InnerException) { _parts = _parts };

    private static string Compose(string problem, string? value, string? place, string? expected, string? remedy)
    {
        var text = new System.Text.StringBuilder();
        if (place is not null) text.Append(place).Append(": ");
        text.Append(problem);
        if (value is not null) text.Append(" (got ").Append(value).Append(')');
        if (expected is not null) text.Append("; expected ").Append(expected);
        if (remedy is not null) text.Append(". ").Append(remedy);
        return text.ToString();
    }
}
