namespace LowRank.Text.Decoders;

/// <summary>Makes blanks of the character that stands for them; in the first token it vanishes where a blank was put before the text.</summary>
internal sealed class MetaspaceDecoder(string replacement, bool prepended) : EachTokenDecoder
{
    /// <inheritdoc/>
    protected override bool WorksOnParts => true;

    /// <inheritdoc/>
    protected override string Change(string token, bool first) => token.Replace(replacement, first && prepended ? "" : " ", StringComparison.Ordinal);
}
