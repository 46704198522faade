using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A GGUF file, mapped into memory: metadata, tensors, and their values as float32. Names are the file's own.</summary>
public sealed unsafe class GgufFile : IWeightSource
{
    private readonly MappedFile _file;
    private readonly Dictionary<string, GgufTensor> _byName;

    private GgufFile(MappedFile file, bool lists)
    {
        _file = file;
        (Version, var metadata, var tensors, Pairs, Alignment) = GgufHeader.Read(file, lists);
        (Metadata, Tensors) = (metadata, tensors);
        _byName = tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
    }

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="lists">False: lists of texts are checked, but not among the <see cref="Metadata"/>. A vocabulary takes megabytes, and no weight needs it.</param>
    /// <exception cref="BadInputException">It does not exist or is not a well-formed, little-endian GGUF file of version 2 or 3.</exception>
    public static GgufFile Open(string path, bool lists = true)
    {
        var file = new MappedFile(path);
        try { return new GgufFile(file, lists); }
        catch { file.Dispose(); throw; }
    }

    /// <summary>The version of the format, 2 or 3.</summary>
    public int Version { get; }
    /// <summary>The key-value pairs in file order: numbers as their CLR types, text as string, arrays as CLR arrays (string[], int[], float[], bool[], ...).</summary>
    public IReadOnlyDictionary<string, object> Metadata { get; }
    /// <summary>The tensors, in file order; also those of types that cannot be turned into floats.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <inheritdoc/>
    public string Path => _file.Path;
    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _byName.Keys;
    /// <inheritdoc/>
    public long[]? Shape(string name) => _byName.GetValueOrDefault(name)?.Shape;
    /// <inheritdoc/>
    public string DType(string name) => Entry(name).Type.Name;
    /// <inheritdoc/>
    public long ByteLength(string name) => Entry(name).Bytes;

    /// <summary>A read-only view of the file for F32, F16 and BF16 (writing into it ends the process), else a new float32 tensor.</summary>
    /// <exception cref="BadInputException">The file has no such tensor, or its type is not read.</exception>
    public Tensor Get(string name) => Entry(name) is { Type.BlockElements: 1, Type.Readable: true } plain ? View(plain) : Dequantize(name);

    /// <inheritdoc/>
    public QuantizedWeight? Quantized(string name) => Entry(name) is { Type.BlockElements: > 1, Shape.Length: 2 } ? GgufWeight.Read(this, name) : null;

    /// <inheritdoc/>
    public void Release(string name) => _file.Release(Entry(name).Offset, Entry(name).Bytes);

    /// <summary>A tensor's values as a new float32 tensor, bit for bit what ggml computes.</summary>
    /// <exception cref="BadInputException">The file has no such tensor, or its type is not read.</exception>
    public Tensor Dequantize(string name)
    {
        var entry = Entry(name);
        if (!entry.Type.Readable) throw NotRead(entry);
        if (entry.Type.BlockElements == 1)
        {
            using var view = View(entry);
            return view.to(ScalarType.Float32, copy: true);
        }
        NativeTensors.EnsureLoaded();
        var result = empty(entry.Shape, ScalarType.Float32);
        if (entry.Bytes > 0) GgufBlocks.Dequantize(entry.Type, _file.Start + entry.Offset, (float*)NativeTensors.DataPointer(result), entry.Bytes / entry.Type.BlockBytes);
        GC.KeepAlive(result);
        return result;
    }

    /// <summary>A tensor's bytes as they lie in the file (at most 2 GiB).</summary>
    public ReadOnlySpan<byte> Bytes(string name) => _file.Span(Entry(name).Offset, checked((int)ByteLength(name)));

    /// <summary>Unmaps the file: views of it must not be used any more.</summary>
    public void Dispose() => _file.Dispose();

    private Tensor View(GgufTensor entry) => NativeTensors.View(_file.Start + entry.Offset, entry.Shape, (int)(entry.Type.Name switch
    {
        "F32" => ScalarType.Float32,
        "F16" => ScalarType.Float16,
        _ => ScalarType.BFloat16,
    }));

    /// <summary>A tensor's place; an error where the file has no such tensor.</summary>
    internal GgufTensor Entry(string name)
        => _byName.GetValueOrDefault(name) ?? throw new BadInputException("the file has no such tensor", name, Path, remedy: NearNames.Sentence(name, Names));

    /// <summary>The address of a tensor's first block.</summary>
    internal byte* Start(GgufTensor entry) => _file.Start + entry.Offset;

    /// <summary>Where the metadata lie.</summary>
    internal GgufPairs Pairs { get; }

    /// <summary>What tensors' offsets are multiples of.</summary>
    internal long Alignment { get; }

    /// <summary>Bytes in the file.</summary>
    internal long Length => _file.Length;

    /// <summary>Writes the bytes [from, to) of the file, as they lie there.</summary>
    internal void CopyTo(Stream stream, long from, long to)
    {
        const int portion = 1 << 24;
        for (; from < to; from += portion) stream.Write(_file.Span(from, (int)Math.Min(portion, to - from)));
    }

    /// <summary>The error for a tensor whose type has no decoder.</summary>
    internal BadInputException NotRead(GgufTensor entry)
        => new("this tensor type is not read", entry.Type.Name, $"{Path}: {entry.Name}", "one of " + string.Join(", ", GgufType.ReadableNames), "Quantise the model to one of these types.");
}
