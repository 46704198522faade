using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>A frozen matrix as the step reads it: rows in the compute dtype, in place where it is stored so, else expanded where they are needed.</summary>
internal sealed unsafe class FastWeight
{
    private readonly Tensor _stored;
    private readonly Kernels _kernels;
    private readonly Kernels? _storedKernels;

    /// <summary>Opens a weight [rows, columns].</summary>
    public FastWeight(Tensor stored, Kernels kernels)
    {
        (_stored, _kernels, Columns, RowCount) = (stored, kernels, (int)stored.size(1), (int)stored.size(0));
        var dtype = stored.dtype;
        if ((dtype == ScalarType.Float32 ? 4 : 2) != kernels.Size) _storedKernels = Kernels.Of(dtype);
    }

    /// <summary>Numbers in a row.</summary>
    public int Columns { get; }
    /// <summary>Rows.</summary>
    public int RowCount { get; }
    /// <summary>Whether rows have to be expanded.</summary>
    public bool NeedsExpanding => _storedKernels is not null;

    /// <summary>Whether a stored weight can be read by this step.</summary>
    public static bool CanRead(Tensor weight) => weight.dtype is ScalarType.Float32 or ScalarType.BFloat16 && weight.is_contiguous();

    /// <summary>Rows from <paramref name="first"/> on: a view, or <paramref name="scratch"/> filled (count x Columns numbers).</summary>
    public byte* Rows(int first, int count, byte* scratch)
    {
        byte* stored = NativeTensors.DataPointer(_stored);
        long from = (long)first * Columns, numbers = (long)count * Columns;
        if (_storedKernels is null) return stored + from * _kernels.Size;
        if (_kernels.Size == 4) _storedKernels.Widen(stored + from * 2, (float*)scratch, numbers, 1);
        else _kernels.Narrow((float*)stored + from, scratch, numbers, 1);
        return scratch;
    }
}
