using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>
/// llama.cpp's converter puts the rows of a rotary pair beside each other: x0, y0, x1, y1, ... This is its matrix with each head's rows in Hugging Face's order,
/// x0, x1, ..., y0, y1, ...; the blocks stay where they are.
/// </summary>
internal sealed unsafe class PermutedRows(QuantizedWeight stored, long headSize) : QuantizedWeight(stored.Rows, stored.Columns)
{
    private readonly long _half = headSize / 2;

    public override string Kind => stored.Kind;
    public override long Bytes => stored.Bytes;

    public override void Expand(long from, long to, float* destination)
    {
        for (long row = from; row < to; row++, destination += Columns)
        {
            long within = row % headSize, source = row - within + within % _half * 2 + within / _half;
            stored.Expand(source, source + 1, destination);
        }
    }

    public override void Dispose()
    {
        stored.Dispose();
        base.Dispose();
    }
}
