namespace LowRank.Tensors;

/// <summary>Names in a message: the first few, and how many more there are.</summary>
public static class NameList
{
    private const int Most = 5;

    /// <summary>"a, b, c and 4 more".</summary>
    public static string Of(IReadOnlyCollection<string> names, int most = Most)
    {
        ArgumentNullException.ThrowIfNull(names);
        return string.Join(", ", names.Take(most)) + (names.Count > most ? $" and {names.Count - most} more" : "");
    }
}
