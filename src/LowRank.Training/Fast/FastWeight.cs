using System.Runtime.InteropServices;
using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>A frozen matrix as the step reads it: rows in the compute dtype, in place where it is stored so, else expanded where they are needed.</summary>
internal sealed unsafe class FastWeight
{
    private readonly Tensor? _stored;
    private readonly QuantizedWeight? _quantized;
    private readonly Kernels _kernels;
    private readonly Kernels? _storedKernels;
    private readonly bool _turned;

    /// <summary>Opens a plain matrix [rows, columns], stored so or <paramref name="turned"/>, [columns, rows].</summary>
    public FastWeight(Tensor stored, Kernels kernels, bool turned = false)
    {
        (_stored, _kernels, _turned, Columns, RowCount) = (stored, kernels, turned, (int)stored.size(turned ? 0 : 1), (int)stored.size(turned ? 1 : 0));
        if ((stored.dtype == ScalarType.Float32 ? 4 : 2) != kernels.Size) _storedKernels = Kernels.Of(stored.dtype);
    }

    /// <summary>Opens a projection's weight, plain or in blocks.</summary>
    public static FastWeight Of(Projection layer, Kernels kernels) => layer.Quantized is { } blocks ? new(blocks, kernels) : new(layer.Weight, kernels, layer.Transposed);

    /// <summary>Opens an embedding's table, plain or in blocks.</summary>
    public static FastWeight Of(TokenEmbedding table, Kernels kernels) => table.Quantized is { } blocks ? new(blocks, kernels) : new(table.Weight, kernels);

    private FastWeight(QuantizedWeight quantized, Kernels kernels)
        => (_quantized, _kernels, Columns, RowCount) = (quantized, kernels, (int)quantized.Columns, (int)quantized.Rows);

    /// <summary>Numbers in a row.</summary>
    public int Columns { get; }
    /// <summary>Rows.</summary>
    public int RowCount { get; }
    /// <summary>Whether rows have to be expanded.</summary>
    public bool NeedsExpanding => _storedKernels is not null || _quantized is not null || _turned;

    /// <summary>Whether a stored weight can be read by this step.</summary>
    public static bool CanRead(Tensor weight) => weight.dtype is ScalarType.Float32 or ScalarType.BFloat16 && weight.is_contiguous();

    /// <summary>Rows from <paramref name="first"/> on: a view, or <paramref name="scratch"/> filled (count x Columns numbers).</summary>
    public byte* Rows(int first, int count, byte* scratch)
    {
        if (_quantized is not null)
        {
            _quantized.Expand(first, first + count, _kernels, scratch);
            return scratch;
        }
        if (_turned) return Turn(first, count, scratch);
        byte* stored = NativeTensors.DataPointer(_stored!);
        long from = (long)first * Columns, numbers = (long)count * Columns;
        if (_storedKernels is null) return stored + from * _kernels.Size;
        if (_kernels.Size == sizeof(float)) _storedKernels.Widen(stored + from * 2, (float*)scratch, numbers, 1);
        else _kernels.Narrow((float*)stored + from, scratch, numbers, 1);
        return scratch;
    }

    private byte* Turn(int first, int count, byte* scratch)
    {
        var kernels = _storedKernels ?? _kernels;
        long numbers = (long)count * Columns;
        byte* temporary = (byte*)NativeMemory.AlignedAlloc((nuint)(2 * numbers * sizeof(float)), 64), rows = _storedKernels is null ? scratch : temporary + numbers * sizeof(float);
        try
        {
            kernels.Transpose(NativeTensors.DataPointer(_stored!) + (long)first * kernels.Size, RowCount, Columns, count, rows, Columns, temporary);
            if (_storedKernels is not null && _kernels.Size == sizeof(float)) _storedKernels.Widen(rows, (float*)scratch, numbers, 1);
            else if (_storedKernels is not null) _kernels.Narrow((float*)rows, scratch, numbers, 1);
        }
        finally { NativeMemory.AlignedFree(temporary); }
        return scratch;
    }
}
