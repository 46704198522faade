using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A matrix in ggml's blocks: of a mapped GGUF file, or quantised here.</summary>
public sealed unsafe class GgufWeight : QuantizedWeight
{
    private GgufWeight(GgufType type, long rows, long columns, WeightMemory memory) : base(rows, columns) => throw new NotImplementedException();

    /// <summary>How the blocks are made.</summary>
    public GgufType Type => throw new NotImplementedException();
    /// <inheritdoc/>
    public override string Kind => throw new NotImplementedException();
    /// <inheritdoc/>
    public override long Bytes => throw new NotImplementedException();
    /// <summary>The blocks, row after row, as they lie in a GGUF file.</summary>
    public byte* Blocks => throw new NotImplementedException();

    /// <summary>A view of a file's matrix; valid while the file is open.</summary>
    /// <exception cref="BadInputException">The file has no such tensor, it is no matrix, or its type is not read.</exception>
    public static GgufWeight Read(GgufFile file, string name) => throw new NotImplementedException();

    /// <summary>A view of blocks that <paramref name="owner"/> holds; the owner is kept alive.</summary>
    public static GgufWeight View(GgufType type, long rows, long columns, byte* blocks, object? owner) => throw new NotImplementedException();

    /// <summary>Quantises a matrix [rows, columns] of any float dtype.</summary>
    /// <exception cref="BadInputException">The type has no quantiser, or the columns are no whole number of blocks.</exception>
    public static GgufWeight Quantize(GgufType type, Tensor source) => throw new NotImplementedException();

    /// <summary>Quantises rows that lie one after the other.</summary>
    public static GgufWeight Quantize(GgufType type, float* source, long rows, long columns) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => throw new NotImplementedException();
}
