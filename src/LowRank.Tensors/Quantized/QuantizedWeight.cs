using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>
/// A frozen matrix [Rows, Columns] that stays in blocks of few bits and is expanded row by row where it is used. Expanding is safe from several threads at once.
/// </summary>
public abstract unsafe class QuantizedWeight(long rows, long columns) : IDisposable
{
    /// <summary>Rows (outputs).</summary>
    public long Rows { get; } = rows;
    /// <summary>Columns (inputs).</summary>
    public long Columns { get; } = columns;
    /// <summary>How the blocks are made: `nf4`, `int8`, `q4_k`, ...</summary>
    public abstract string Kind { get; }
    /// <summary>Bytes it takes in memory (or in its mapped file).</summary>
    public abstract long Bytes { get; }

    /// <summary>Expands rows [from, to) to float32, row after row without gaps.</summary>
    public abstract void Expand(long from, long to, float* destination);

    /// <summary>Expands rows [from, to) to the numbers of <paramref name="kernels"/>, row after row without gaps.</summary>
    public void Expand(long from, long to, Kernels kernels, byte* destination)
    {
        if (kernels.Size == sizeof(float)) Expand(from, to, (float*)destination);
        else Narrowed(kernels, from, to, Expand, destination);
    }

    /// <summary>The whole matrix as a new tensor of the given dtype, in the current dispose scope.</summary>
    public Tensor Dequantize(ScalarType dtype) => Make(Rows, dtype, Expand);

    /// <summary>Rows one after the other, as a new tensor [count, Columns] of the given dtype, in the current dispose scope.</summary>
    public Tensor Dequantize(long from, long count, ScalarType dtype)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(from + count, Rows, nameof(count));
        return Make(count, dtype, (first, last, destination) => Expand(from + first, from + last, destination));
    }

    /// <summary>The rows named, in that order, as a new tensor [rows, Columns] of the given dtype, in the current dispose scope.</summary>
    /// <exception cref="BadInputException">The matrix has no such row.</exception>
    public Tensor Dequantize(long[] rows, ScalarType dtype)
    {
        foreach (long row in rows)
            if (row < 0 || row >= Rows) throw new BadInputException("the table has no such row", $"{row}", expected: $"0 to {Rows - 1}");
        return Make(rows.Length, dtype, (from, to, destination) =>
        {
            for (long i = from; i < to; i++, destination += Columns) Expand(rows[i], rows[i] + 1, destination);
        });
    }

    /// <summary>Expands the whole matrix to float32, on all cores.</summary>
    internal void ExpandAll(float* destination)
        => Parallel.For(0, (int)((Rows + Portion - 1) / Portion), p => Expand(p * Portion, Math.Min(Rows, (p + 1) * Portion), destination + p * Portion * Columns));

    /// <summary>Bytes from which an expansion for one use has memory of its own, that goes back to the system with it.</summary>
    public const long LargestTransient = NativeMemory.LargeBlock;

    /// <summary>
    /// The whole matrix for one use: a view of memory that each thread has for it, valid until the thread's next one, where it fits, else a new tensor. In the current dispose scope;
    /// nothing may keep it, a graph least of all.
    /// </summary>
    public Tensor Transient(ScalarType dtype)
    {
        if (dtype is not (ScalarType.Float32 or ScalarType.BFloat16)) return Dequantize(dtype);
        byte* data = ExpansionBuffer.Take(Rows * Columns * (dtype == ScalarType.BFloat16 ? 2 : 4));
        if (data is null) return Dequantize(dtype);
        Fill(Rows, dtype, Expand, data);
        return NativeTensors.View(data, [Rows, Columns], (int)dtype);
    }

    private const long Portion = 64; // rows

    private delegate void Expansion(long from, long to, float* destination);

    private Tensor Make(long count, ScalarType dtype, Expansion expand)
    {
        using var scope = NewDisposeScope();
        var made = dtype == ScalarType.BFloat16 ? dtype : ScalarType.Float32;
        var result = empty(count, Columns, made);
        Fill(count, made, expand, NativeTensors.DataPointer(result));
        return result.to(dtype).MoveToOuterDisposeScope();
    }

    // Of bfloat16 a few rows at a time are expanded and rounded while they are in the first cache: the matrix is never there in float32.
    private void Fill(long count, ScalarType dtype, Expansion expand, byte* data)
    {
        var kernels = dtype == ScalarType.BFloat16 ? Kernels.Of(dtype) : null;
        Parallel.For(0, (int)((count + Portion - 1) / Portion), p =>
        {
            long from = p * Portion, to = Math.Min(count, from + Portion);
            if (kernels is null) expand(from, to, (float*)data + from * Columns);
            else Narrowed(kernels, from, to, expand, data + from * Columns * kernels.Size);
        });
    }

    private void Narrowed(Kernels kernels, long from, long to, Expansion expand, byte* destination)
    {
        const long numbers = 4096;
        long rows = Math.Max(1, numbers / Math.Max(1, Columns));
        float* wide = (float*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc((nuint)(Math.Max(1, rows * Columns) * sizeof(float)), 64);
        try
        {
            for (long row = from; row < to; row += rows)
            {
                long end = Math.Min(to, row + rows);
                expand(row, end, wide);
                kernels.Narrow(wide, destination + (row - from) * Columns * kernels.Size, (end - row) * Columns, 1);
            }
        }
        finally { System.Runtime.InteropServices.NativeMemory.AlignedFree(wide); }
    }

    /// <inheritdoc/>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}
