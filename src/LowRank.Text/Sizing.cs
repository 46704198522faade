namespace LowRank.Text;

/// <summary>Truncation and padding.</summary>
internal sealed class Sizing
{
    /// <summary>Neither.</summary>
    public static Sizing None { get; } = new();

    /// <summary>Whether it changes nothing.</summary>
    public bool IsNone => true;

    /// <summary>Shortens sequences.</summary>
    public void Truncate(List<EncodingPart> sequences, int added) { }

    /// <summary>Lengthens encodings.</summary>
    public IReadOnlyList<Encoding> PadAll(IReadOnlyList<Encoding> encodings) => encodings;
}
