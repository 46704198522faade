namespace LowRank.Text.Decoders;

/// <summary>Puts blanks between words and joins pieces that continue one; tidies English punctuation if asked to.</summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanup) : EachTokenDecoder
{
    private static readonly (string Dirty, string Clean)[] Cleanings =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    /// <inheritdoc/>
    protected override string Change(string token, bool first)
    {
        if (!first) token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
        return cleanup ? Clean(token) : token;
    }

    /// <summary>Tidies a string.</summary>
    public static string Clean(string text) => text.Contains(' ', StringComparison.Ordinal) ? Cleanings.Aggregate(text, (t, c) => t.Replace(c.Dirty, c.Clean, StringComparison.Ordinal)) : text;
}
