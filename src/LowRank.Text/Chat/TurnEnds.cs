namespace LowRank.Text.Chat;

/// <summary>Which tokens can end a turn.</summary>
internal static class TurnEnds
{
    /// <summary>A special token, or one that ends texts.</summary>
    public static bool CanEnd(Tokenizer tokenizer, int id) => tokenizer.IsSpecial(id) || tokenizer.EosIds.Contains(id);
}
