namespace LowRank.Text.Decoders;

/// <summary>Spells tokens back as bytes and reads all of them together as UTF-8; broken characters become U+FFFD.</summary>
internal sealed class ByteLevelDecoder : IDecoder
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (string token in tokens) bytes.AddRange(BytesOf(token));
        return [System.Text.Encoding.UTF8.GetString([.. bytes])];
    }

    /// <summary>The bytes of a token; one that is not wholly spelled in the byte alphabet (an added token) is its own text.</summary>
    public static byte[] BytesOf(string token) => ByteAlphabet.Decode(token) ?? System.Text.Encoding.UTF8.GetBytes(token);
}
