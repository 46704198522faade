namespace LowRank.Text;

/// <summary>What a tokenizer made of a text, one entry a token in every list.</summary>
/// <param name="Ids">The ids.</param>
/// <param name="Tokens">The tokens as the vocabulary writes them.</param>
/// <param name="Offsets">The place of each token in its text, in Unicode code points; (0, 0) for added special tokens.</param>
/// <param name="TypeIds">Which sequence of a pair each belongs to, as the file's template numbers them.</param>
/// <param name="SpecialTokensMask">1 for tokens that were added around the text, padding among them.</param>
/// <param name="AttentionMask">0 for padding, 1 for all else.</param>
public sealed record Encoding(
    IReadOnlyList<int> Ids, IReadOnlyList<string> Tokens, IReadOnlyList<(int Start, int End)> Offsets,
    IReadOnlyList<int> TypeIds, IReadOnlyList<int> SpecialTokensMask, IReadOnlyList<int> AttentionMask)
{
    // Filled up to a length; as it is where it is as long already.
    internal Encoding Pad(int length, Padding padding)
    {
        int missing = length - Ids.Count;
        return missing <= 0 ? this : new Encoding(
            Fill(Ids, padding.Id), Fill(Tokens, padding.Token), Fill(Offsets, (0, 0)), Fill(TypeIds, padding.TypeId), Fill(SpecialTokensMask, 1), Fill(AttentionMask, 0));

        T[] Fill<T>(IReadOnlyList<T> list, T with)
            => padding.Direction == Side.Right ? [.. list, .. Enumerable.Repeat(with, missing)] : [.. Enumerable.Repeat(with, missing), .. list];
    }
}

/// <summary>A run of tokens on its way through the post-processors. Without offsets and tokens where only ids are wanted.</summary>
internal sealed class EncodingPart(bool full, int typeId = 0, bool special = false)
{
    /// <summary>The ids.</summary>
    public List<int> Ids { get; private init; } = [];
    /// <summary>The tokens; null where only ids are wanted.</summary>
    public List<string>? Tokens { get; private init; } = full ? [] : null;
    /// <summary>The places in the original: UTF-16 units at first, code points once the text is done; null where only ids are wanted.</summary>
    public List<(int Start, int End)>? Offsets { get; private init; } = full ? [] : null;
    /// <summary>The type id of all its tokens.</summary>
    public int TypeId { get; } = typeId;
    /// <summary>Whether it was added around the text.</summary>
    public bool IsSpecial { get; } = special;

    /// <summary>The same tokens with another type id.</summary>
    public EncodingPart WithType(int type) => new(Tokens is not null, type, IsSpecial) { Ids = Ids, Tokens = Tokens, Offsets = Offsets };

    /// <summary>Tokens that stand for no text.</summary>
    public static EncodingPart Special(IReadOnlyList<int> ids, IReadOnlyList<string> tokens, int typeId)
        => new(true, typeId, special: true) { Ids = [.. ids], Tokens = [.. tokens], Offsets = [.. ids.Select(_ => (0, 0))] };

    /// <summary>Leaves tokens [start, start + count) alone.</summary>
    public void Keep(int start, int count)
    {
        Keep(Ids, start, count);
        if (Tokens is not null) Keep(Tokens, start, count);
        if (Offsets is not null) Keep(Offsets, start, count);
    }

    /// <summary>The ids of parts, joined.</summary>
    public static int[] JoinIds(IReadOnlyList<EncodingPart> parts)
    {
        int count = 0;
        foreach (var part in parts) count += part.Ids.Count;
        var ids = new int[count];
        int at = 0;
        foreach (var part in parts)
        {
            part.Ids.CopyTo(ids, at);
            at += part.Ids.Count;
        }
        return ids;
    }

    private static void Keep<T>(List<T> list, int start, int count)
    {
        list.RemoveRange(start + count, list.Count - start - count);
        list.RemoveRange(0, start);
    }

    /// <summary>Joins parts.</summary>
    public static Encoding Join(IReadOnlyList<EncodingPart> parts) => new(
        [.. parts.SelectMany(p => p.Ids)], [.. parts.SelectMany(p => p.Tokens!)], [.. parts.SelectMany(p => p.Offsets!)],
        [.. parts.SelectMany(p => Enumerable.Repeat(p.TypeId, p.Ids.Count))], [.. parts.SelectMany(p => Enumerable.Repeat(p.IsSpecial ? 1 : 0, p.Ids.Count))],
        [.. Enumerable.Repeat(1, parts.Sum(p => p.Ids.Count))]);
}
