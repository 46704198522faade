using System.Text;
using LowRank.Text.Models;

namespace LowRank.Text;

/// <summary>
/// The list of merges that joins what SentencePiece's scores join: every way of making a piece of two others, the best score first.
/// SentencePiece takes the leftmost of pairs with one score;
/// a list takes whichever stands first in it, so that scores have to tell the pieces apart.
/// </summary>
internal static class SentencePieceMerges
{
    /// <summary>The merges, or why there are none that give the same ids.</summary>
    public static (IReadOnlyList<(string Left, string Right)> Merges, string? Refusal) Of(IReadOnlyList<Piece> pieces)
    {
        var mergeable = pieces.Where(p => p.Kind is PieceKind.Normal or PieceKind.UserDefined && p.Text.Length > 0).ToList();
        var texts = mergeable.Select(p => p.Text).ToHashSet(StringComparer.Ordinal);
        var lookup = texts.GetAlternateLookup<ReadOnlySpan<char>>();
        List<(Piece Piece, List<int> Cuts)> made = [];
        foreach (var piece in mergeable)
        {
            if (Loose(piece.Text, lookup) is { } character) return ([],
                $"the piece '{piece.Text}' has a character ({character}) that is no piece itself, which a list of merges cannot join");
            if (Cuts(piece.Text, lookup) is { Count: > 0 } cuts) made.Add((piece, cuts));
        }
        foreach (var piece in pieces)
            if (piece.Kind == PieceKind.Unused && Cuts(piece.Text, lookup).Count > 0) return ([],
                $"merges may pass through the unused piece '{piece.Text}', which a list of merges cannot say");
        // Runs of one character grow from the left where their scores are one: so do these, the longest first.
        var ranked = made.OrderByDescending(m => m.Piece.Score).ThenByDescending(m => m.Piece.Text.Length).ToList();
        for (int i = 1; i < ranked.Count; i++)
            if (ranked[i].Piece.Score == ranked[i - 1].Piece.Score && !(Run(ranked[i].Piece.Text) is { } c
                && Run(ranked[i - 1].Piece.Text) == c))
                return ([], $"the pieces '{ranked[i - 1].Piece.Text}' and '{ranked[i].Piece.Text}' have one score, "
                    + "so that a list of merges cannot say which is joined first");
        return ([.. ranked.SelectMany(m => m.Cuts.OrderDescending().Select(c => (m.Piece.Text[..c], m.Piece.Text[c..])))], null);
    }

    // Where a piece falls into two others.
    private static List<int> Cuts(string text, HashSet<string>.AlternateLookup<ReadOnlySpan<char>> texts)
    {
        List<int> cuts = [];
        for (int i = 1; i < text.Length; i++)
            if (!char.IsLowSurrogate(text[i]) && texts.Contains(text.AsSpan(0, i)) && texts.Contains(text.AsSpan(i))) cuts.Add(i);
        return cuts;
    }

    private static Rune? Loose(string text, HashSet<string>.AlternateLookup<ReadOnlySpan<char>> texts)
    {
        for (int at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out int length);
            if (!texts.Contains(text.AsSpan(at, length))) return rune;
            at += length;
        }
        return null;
    }

    private static char? Run(string text) => text.All(c => c == text[0]) ? text[0] : null;
}
