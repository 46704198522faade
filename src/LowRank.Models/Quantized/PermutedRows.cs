using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>
/// llama.cpp's converter puts the rows of a rotary pair beside each other: x0, y0, x1, y1, ... This is its matrix with each head's rows in Hugging Face's order,
/// x0, x1, ..., y0, y1, ...; the blocks stay where they are.
/// </summary>
internal sealed unsafe class PermutedRows(QuantizedWeight stored, long headSize) : QuantizedWeight(stored.Rows, stored.Columns)
{
    /// <summary>Where the file has the row that Hugging Face has at <paramref name="row"/>.</summary>
    public static long InFile(long row, long headSize)
    {
        long half = headSize / 2, within = row % headSize;
        return row - within + within % half * 2 + within / half;
    }

    public override string Kind => stored.Kind;
    public override long Bytes => stored.Bytes;

    public override void Expand(long from, long to, float* destination)
    {
        for (long row = from; row < to; row++, destination += Columns)
        {
            long source = InFile(row, headSize);
            stored.Expand(source, source + 1, destination);
        }
    }

    public override void Dispose()
    {
        stored.Dispose();
        base.Dispose();
    }
}
