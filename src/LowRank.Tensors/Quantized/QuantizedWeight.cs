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

    /// <summary>The whole matrix as a new tensor of the given dtype, in the current dispose scope.</summary>
    public Tensor Dequantize(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var wide = empty(Rows, Columns, ScalarType.Float32);
        float* data = (float*)NativeTensors.DataPointer(wide);
        const long portion = 64;
        Parallel.For(0, (int)((Rows + portion - 1) / portion), p => Expand(p * portion, Math.Min(Rows, (p + 1) * portion), data + p * portion * Columns));
        return wide.to(dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}
