using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors;

/// <summary>
/// The common form of GPTQ and AWQ: 4-bit numbers q, and for each group of inputs of a row a scale and a zero; value = scale * (q - zero). The files lie with the inputs going down;
/// here the numbers are laid row after row once, on reading, so that a row is expanded from bytes that lie together.
/// </summary>
internal sealed unsafe class GroupedNibbles : IDisposable
{
    private readonly long _columns, _rowBytes;
    private readonly int _groups;
    private readonly int[]? _groupOf;
    private readonly int _groupSize;
    private readonly WeightMemory _packed, _scales, _zeros;

    /// <summary>Makes room for a matrix.</summary>
    /// <param name="rows">Outputs.</param>
    /// <param name="columns">Inputs.</param>
    /// <param name="groups">Groups of inputs.</param>
    /// <param name="groupOf">The group of each input; null where they follow each other in equal shares.</param>
    public GroupedNibbles(long rows, long columns, int groups, int[]? groupOf)
    {
        (_columns, _groups, _groupOf, _rowBytes) = (columns, groups, groupOf, (columns + 1) / 2);
        _groupSize = (int)((columns + groups - 1) / groups);
        _packed = WeightMemory.Allocate(rows * _rowBytes);
        _scales = WeightMemory.Allocate(rows * groups * sizeof(float));
        _zeros = WeightMemory.Allocate(rows * groups);
    }

    public long Bytes => _packed.Length + _scales.Length + _zeros.Length + (_groupOf?.Length ?? 0) * sizeof(int);

    /// <summary>Lays the numbers of all rows; <paramref name="q"/> gives a number by row and column, <paramref name="group"/> scale and zero (0 to 16) by row and group.</summary>
    public void Fill(long rows, Func<long, long, int> q, Func<long, int, (float Scale, int Zero)> group)
        => Parallel.For(0, rows, row =>
        {
            byte* target = _packed.Start + row * _rowBytes;
            for (long column = 0; column < _columns; column += 2) target[column / 2] = (byte)(q(row, column) | (column + 1 < _columns ? q(row, column + 1) : 0) << 4);
            for (int g = 0; g < _groups; g++)
            {
                var (scale, zero) = group(row, g);
                ((float*)_scales.Start)[row * _groups + g] = scale;
                _zeros.Start[row * _groups + g] = (byte)zero;
            }
        });

    public void Expand(long from, long to, float* destination)
    {
        if (_packed.Start is null) throw new ObjectDisposedException(nameof(QuantizedWeight));
        for (long row = from; row < to; row++, destination += _columns)
        {
            byte* packed = _packed.Start + row * _rowBytes, zeros = _zeros.Start + row * _groups;
            float* scales = (float*)_scales.Start + row * _groups;
            if (_groupOf is not null)
                for (long i = 0; i < _columns; i++) destination[i] = scales[_groupOf[i]] * ((packed[i / 2] >> (int)(i % 2) * 4 & 15) - zeros[_groupOf[i]]);
            else
                for (int g = 0; g < _groups; g++) Expand(packed, (long)g * _groupSize, Math.Min(_columns, (g + 1L) * _groupSize), scales[g], zeros[g], destination);
        }
    }

    public void Dispose()
    {
        _packed.Dispose();
        _scales.Dispose();
        _zeros.Dispose();
    }

    private static void Expand(byte* packed, long from, long to, float scale, int zero, float* destination)
    {
        long i = from;
        if (Avx2.IsSupported && from % 2 == 0)
        {
            Vector256<uint> shifts = Vector256.Create(0u, 4, 8, 12, 16, 20, 24, 28);
            Vector256<int> low = Vector256.Create(15), centre = Vector256.Create(zero);
            var wide = Vector256.Create(scale);
            for (; i + 8 <= to; i += 8)
            {
                var q = Avx2.ShiftRightLogicalVariable(Vector256.Create(*(uint*)(packed + i / 2)), shifts).AsInt32() & low;
                (wide * Vector256.ConvertToSingle(q - centre)).Store(destination + i);
            }
        }
        for (; i < to; i++) destination[i] = scale * ((packed[i / 2] >> (int)(i % 2) * 4 & 15) - zero);
    }
}
