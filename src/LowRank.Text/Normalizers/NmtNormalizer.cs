namespace LowRank.Text.Normalizers;

/// <summary>The cleaning of SentencePiece's "nmt" rules: control characters vanish, blanks of all kinds become spaces.</summary>
internal static class NmtNormalizer
{
    /// <summary>Its two steps.</summary>
    public static INormalizer Make() => new SequenceNormalizer([new FilterNormalizer(c => !Vanishes(c)), new MapNormalizer(c => IsBlank(c) ? ' ' : c)]);

    private static bool Vanishes(int c) => c is >= 0x01 and <= 0x08 or 0x0B or >= 0x0E and <= 0x1F or 0x7F or 0x8F or 0x9F;

    private static bool IsBlank(int c) => c is 0x09 or 0x0A or 0x0C or 0x0D or 0x1680 or >= 0x200B and <= 0x200F or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD;
}
