using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A matrix in ggml's blocks: of a mapped GGUF file, or quantised here. A row is a whole number of blocks.</summary>
public sealed unsafe class GgufWeight : QuantizedWeight
{
    private readonly WeightMemory _memory;
    private readonly GgufBlocks.Decoder _decode;
    private readonly long _rowBlocks;

    private GgufWeight(GgufType type, long rows, long columns, WeightMemory memory) : base(rows, columns)
        => (Type, _memory, _decode, _rowBlocks) = (type, memory, GgufBlocks.Of(type), columns / type.BlockElements);

    /// <summary>How the blocks are made.</summary>
    public GgufType Type { get; }
    /// <summary>The type's name in lower case: `q4_k`.</summary>
    public override string Kind => Type.Name.ToLowerInvariant();
    /// <inheritdoc/>
    public override long Bytes => _memory.Length;
    /// <summary>The blocks, row after row, as they lie in a GGUF file.</summary>
    public byte* Blocks => _memory.Start is not null ? _memory.Start : throw new ObjectDisposedException(nameof(GgufWeight));

    /// <summary>A view of a file's matrix; valid while the file is open.</summary>
    /// <exception cref="BadInputException">The file has no such tensor, it is no matrix, or its type is not read.</exception>
    public static GgufWeight Read(GgufFile file, string name)
    {
        var entry = file.Entry(name);
        if (entry.Shape.Length != 2) throw new BadInputException("this tensor is no matrix", $"[{string.Join(", ", entry.Shape)}]", $"{file.Path}: {name}", "two sizes");
        if (!entry.Type.Readable) throw file.NotRead(entry);
        return View(entry.Type, entry.Shape[0], entry.Shape[1], file.Start(entry), file);
    }

    /// <summary>A view of blocks that <paramref name="owner"/> holds; the owner is kept alive. The blocks need no alignment.</summary>
    public static GgufWeight View(GgufType type, long rows, long columns, byte* blocks, object? owner)
        => new(type, rows, columns, WeightMemory.View(blocks, RowBytes(type, columns) * rows, owner));

    /// <summary>Quantises a matrix [rows, columns] of any float dtype.</summary>
    /// <exception cref="BadInputException">The type has no quantiser, or the columns are no whole number of blocks.</exception>
    public static GgufWeight Quantize(GgufType type, Tensor source)
    {
        using var wide = WeightMemory.Matrix(source);
        return Quantize(type, (float*)wide.Start, source.shape[0], source.shape[1]);
    }

    /// <summary>Quantises rows that lie one after the other.</summary>
    /// <exception cref="BadInputException">The type has no quantiser, or the columns are no whole number of blocks.</exception>
    public static GgufWeight Quantize(GgufType type, float* source, long rows, long columns)
    {
        GgufQuantizer.Check(type, columns);
        var memory = WeightMemory.Allocate(RowBytes(type, columns) * rows);
        GgufQuantizer.Quantize(type, source, rows, columns, memory.Start);
        return new GgufWeight(type, rows, columns, memory);
    }

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination)
        => _decode(Blocks + from * _rowBlocks * Type.BlockBytes, destination, (to - from) * _rowBlocks);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _memory.Dispose();
        base.Dispose();
    }

    private static long RowBytes(GgufType type, long columns)
        => columns % type.BlockElements == 0 ? columns / type.BlockElements * type.BlockBytes : throw GgufQuantizer.NoWholeBlocks(type, columns);
}
