using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>Fills token sequences up to a length.</summary>
/// <param name="Length">The length; null: that of the longest of the batch.</param>
/// <param name="Direction">The side that is filled.</param>
/// <param name="MultipleOf">The length is raised to a multiple of this; null or 0: it is not.</param>
/// <param name="Id">The padding token's id.</param>
/// <param name="TypeId">Its type id.</param>
/// <param name="Token">Its text.</param>
public sealed record Padding(int? Length = null, Side Direction = Side.Right, int? MultipleOf = null, int Id = 0, int TypeId = 0, string Token = "[PAD]")
{
    private const int MostTokens = 1 << 24;

    // Ids filled up to the length.
    internal int[] Fill(int[] ids)
    {
        int missing = LengthFor(ids.Length) - ids.Length;
        if (missing <= 0) return ids;
        var rest = Enumerable.Repeat(Id, missing);
        return Direction == Side.Right ? [.. ids, .. rest] : [.. rest, .. ids];
    }

    // The length of every row whose longest has as many tokens.
    internal int LengthFor(int longest, int rows = 1)
    {
        long length = Length ?? longest;
        if (MultipleOf is > 0 and int multiple && length % multiple > 0) length += multiple - length % multiple;
        return length <= longest || length * rows <= MostTokens ? (int)length : throw new BadInputException("the padding is too long", $"{rows} x {length} tokens", expected: $"at most {MostTokens} in all");
    }
}
