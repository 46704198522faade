using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>A micro-batch; the arrays are [B, T] row after row: rows padded on the right to one width, or documents end to end in one row.</summary>
/// <param name="Ids">Token ids, the pad id beyond a row's end.</param>
/// <param name="Mask">1 where there is a token, 0 on padding.</param>
/// <param name="Labels">Unshifted, -100 where there is no target.</param>
/// <param name="B">Rows.</param>
/// <param name="T">Width in tokens.</param>
public sealed record Batch(long[] Ids, long[] Mask, long[] Labels, int B, int T)
{
    /// <summary>Lengths of the documents that lie end to end, T together, B being 1; none sees another, and the first label of each is none. Null: padded rows.</summary>
    public IReadOnlyList<int>? Documents { get; private init; }

    /// <summary>Positions that count in the loss (the first of a row never does).</summary>
    public int TargetTokens
    {
        get
        {
            int count = 0;
            for (int i = 0; i < Labels.Length; i++) if (i % T != 0 && Labels[i] != Row.Ignored) count++;
            return count;
        }
    }

    /// <summary>Tokens without padding.</summary>
    public int Tokens => (int)Mask.Sum();

    /// <summary>Whether a row has padding before one of its tokens.</summary>
    internal bool IsPaddedInside
    {
        get
        {
            for (int i = 1; i < Mask.Length; i++) if (Mask[i] != 0 && Mask[i - 1] == 0 && i % T != 0) return true;
            return T > 0 && Enumerable.Range(0, B).Any(b => Mask[b * T] == 0);
        }
    }

    /// <summary>What no model with such a vocabulary can take is refused before it reaches memory outside the collector's.</summary>
    /// <exception cref="BadInputException">An id or label outside the vocabulary, a target on padding, lengths that do not agree.</exception>
    public void Check(int vocabularySize)
    {
        if (B <= 0 || T <= 0 || Ids.Length != (long)B * T || Mask.Length != Ids.Length || Labels.Length != Ids.Length)
            throw new BadInputException("a batch's arrays do not agree", $"{Ids.Length} ids, {Mask.Length} of the mask, {Labels.Length} labels", "Batch", $"{B} x {T} of each");
        if (Documents is { } lengths && (B != 1 || lengths.Any(n => n <= 0) || lengths.Sum(n => (long)n) != T))
            throw new BadInputException("a batch's documents do not fill it", string.Join(", ", lengths), "Batch.Documents", $"lengths above 0 that sum to {T}");
        for (int i = 0; i < Ids.Length; i++)
        {
            if ((ulong)Ids[i] >= (ulong)vocabularySize) throw Outside("a token id", Ids[i], i, vocabularySize);
            if (Labels[i] == Row.Ignored) continue;
            if ((ulong)Labels[i] >= (ulong)vocabularySize) throw Outside("a label", Labels[i], i, vocabularySize);
            if (Mask[i] == 0) throw new BadInputException("a target on padding", $"{Labels[i]}", $"row {i / T}, position {i % T}", $"{Row.Ignored}");
        }
    }

    private BadInputException Outside(string what, long value, int at, int vocabularySize)
        => new($"{what} is outside the model's vocabulary", $"{value}", $"row {at / T}, position {at % T}", $"0 to {vocabularySize - 1}" + (what == "a label" ? $", or {Row.Ignored}" : ""),
            "The data were tokenised for another model, or their store is damaged.");

    /// <summary>Cuts it into parts of whole rows, or documents, of at most <paramref name="tokens"/> tokens (padding counted), at least one in each. Where nothing has to be cut, it comes as it is.</summary>
    public IEnumerable<Batch> Cut(int tokens)
    {
        if ((long)B * T <= tokens) return [this];
        if (Documents is { } lengths) return Groups(lengths, tokens).Select(g => Part(g.From, g.Tokens, 1) with { Documents = g.Lengths });
        int rows = Math.Max(1, tokens / T);
        return Enumerable.Range(0, (B + rows - 1) / rows).Select(i => Part(i * rows * T, Math.Min(rows, B - i * rows) * T, Math.Min(rows, B - i * rows)));
    }

    private Batch Part(int from, int count, int rows) => new(Ids[from..(from + count)], Mask[from..(from + count)], Labels[from..(from + count)], rows, count / rows);

    private static IEnumerable<(int From, int Tokens, int[] Lengths)> Groups(IReadOnlyList<int> lengths, int tokens)
    {
        for (int first = 0, from = 0, end; first < lengths.Count; first = end)
        {
            int sum = lengths[first];
            for (end = first + 1; end < lengths.Count && sum + lengths[end] <= tokens; end++) sum += lengths[end];
            yield return (from, sum, [.. lengths.Skip(first).Take(end - first)]);
            from += sum;
        }
    }

    /// <summary>Pads the rows to the longest of them.</summary>
    /// <param name="rows">At least one.</param>
    /// <param name="padId">What fills up; it is masked, so any id of the vocabulary will do.</param>
    public static Batch Of(IReadOnlyList<Row> rows, int padId)
    {
        int width = rows.Max(r => r.InputIds.Length);
        var (ids, mask, labels) = (new long[rows.Count * width], new long[rows.Count * width], new long[rows.Count * width]);
        Array.Fill(ids, padId);
        Array.Fill(labels, Row.Ignored);
        for (int b = 0; b < rows.Count; b++)
            for (int t = 0; t < rows[b].InputIds.Length; t++)
            {
                int at = b * width + t;
                (ids[at], mask[at], labels[at]) = (rows[b].InputIds[t], 1, rows[b].Labels[t]);
            }
        return new Batch(ids, mask, labels, rows.Count, width);
    }

    /// <summary>Lays the rows end to end, longest first (rows of one length then lie together and are computed together).</summary>
    /// <param name="rows">At least one.</param>
    /// <param name="multiple">What T is to be a multiple of: documents of one token without a target fill it up.</param>
    public static Batch EndToEnd(IReadOnlyList<Row> rows, int multiple = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(multiple);
        Row[] sorted = [.. rows.OrderByDescending(r => r.InputIds.Length)];
        int used = sorted.Sum(r => r.InputIds.Length), fill = (multiple - used % multiple) % multiple, total = used + fill, at = 0;
        var (ids, mask, labels) = (new long[total], new long[total], new long[total]);
        Array.Fill(mask, 1);
        Array.Fill(labels, Row.Ignored);
        foreach (var row in sorted)
        {
            for (int t = 0; t < row.InputIds.Length; t++) (ids[at + t], labels[at + t]) = (row.InputIds[t], row.Labels[t]);
            labels[at] = Row.Ignored; // else the document before would have to predict it
            at += row.InputIds.Length;
        }
        return new Batch(ids, mask, labels, 1, total)
        {
            Documents = [.. sorted.Select(r => r.InputIds.Length), .. Enumerable.Repeat(1, fill)],
        };
    }
}
