using System.Globalization;
using LowRank.Models;

namespace LowRank.Training;

/// <summary>Rows beyond a model's positions, as they are counted.</summary>
/// <param name="Rows">How many.</param>
/// <param name="Longest">Tokens of the longest.</param>
/// <param name="First">Where the first stands.</param>
internal readonly record struct BeyondCount(long Rows, int Longest, string? First);

/// <summary>How many positions a model has. Learned ones end there, so a longer row is an error; rotary ones go on, but nothing was trained
/// beyond, which is told.</summary>
/// <param name="Most">Tokens of the longest row within them.</param>
/// <param name="Learned">Whether there are no more.</param>
public sealed record PositionLimit(int Most, bool Learned)
{
    /// <summary>A model's; null where it has no positions.</summary>
    public static PositionLimit? Of(DecoderSpec spec)
    {
        if (spec.Names.PositionEmbedding is not null) return new(spec.MaxPositions, true);
        if (spec.Ropes.Count == 0) return null;
        // A scaled range is its factor times the trained one, whether or not the configuration's own number says so.
        double most = spec.Ropes.Max(r => Math.Max(spec.MaxPositions, r.Kind is RopeKind.Default ? 0 : r.Factor * r.TrainedPositions));
        return new((int)Math.Min(most, int.MaxValue), false);
    }

    /// <summary>What to say of rows that lie beyond; null where none does.</summary>
    internal string? Note(IRowList rows)
    {
        BeyondCount count = new();
        for (int i = 0; i < rows.Count; i++)
            if (rows.LengthOf(i) is var length && length > Most) Count(ref count, length, count.Rows == 0 ? rows[i].Place : null);
        return Note(count);
    }

    /// <summary>Counts a row.</summary>
    internal void Count(ref BeyondCount count, int length, string? place)
    {
        if (length > Most) count = new(count.Rows + 1, Math.Max(count.Longest, length), count.Rows == 0 ? place : count.First);
    }

    /// <summary>What to say of those counted.</summary>
    internal string? Note(BeyondCount count) => count.Rows == 0 ? null : string.Create(CultureInfo.InvariantCulture,
        $"{count.Rows:n0} {(count.Rows == 1 ? "row is" : "rows are")} longer than the {Most:n0} positions that the model was made for (up to {count.Longest:n0} tokens, the first at {count.First ?? "an unknown place"}); max_length: {Most} would cut them");
}
