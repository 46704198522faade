using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A safetensors file, mapped into memory: its tensors are views that cost nothing until they are read.</summary>
public sealed unsafe class SafetensorsFile : IWeightSource
{
    private readonly MappedFile _file;
    private readonly SafetensorsHeader _header;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    private SafetensorsFile(MappedFile file, SafetensorsHeader header)
        => (_file, _header, _byName) = (file, header, header.Entries.ToDictionary(e => e.Name, StringComparer.Ordinal));

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="BadInputException">It does not exist or is not a well-formed safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        if (PickleFile.Is(path))
            throw new BadInputException("pickle files are not read: they can run code", place: path, remedy: SafetensorsHeader.PickleRemedy);
        var file = new MappedFile(path);
        try { return new SafetensorsFile(file, SafetensorsHeader.Read(file)); }
        catch { file.Dispose(); throw; }
    }

    /// <inheritdoc/>
    public string Path => _file.Path;
    /// <summary>The `__metadata__` strings.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;
    /// <summary>The tensors, by their place in the file.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries => _header.Entries;
    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _byName.Keys;
    /// <inheritdoc/>
    public long[]? Shape(string name) => _byName.GetValueOrDefault(name)?.Shape;
    /// <inheritdoc/>
    public string DType(string name) => Entry(name).DType;
    /// <inheritdoc/>
    public long ByteLength(string name) => Entry(name).End - Entry(name).Begin;

    /// <summary>A read-only view of a tensor, in its stored dtype. Writing into it ends the process: clone first.</summary>
    public Tensor Get(string name)
    {
        var entry = Entry(name);
        int dtype = SafetensorsDType.Torch(entry.DType);
        if (dtype < 0) throw new BadInputException("no tensor can hold this dtype", entry.DType, $"{Path}: {name}", remedy: "Convert the file to bfloat16.");
        return NativeTensors.View(Start(name), entry.Shape, dtype);
    }

    /// <inheritdoc/>
    public void Release(string name) => _file.Release(_header.DataStart + Entry(name).Begin, ByteLength(name));

    /// <summary>A tensor's bytes as they lie in the file (at most 2 GiB).</summary>
    public ReadOnlySpan<byte> Bytes(string name) => _file.Span(_header.DataStart + Entry(name).Begin, checked((int)ByteLength(name)));

    /// <summary>Whether another file holds the same bytes under a name that both have.</summary>
    internal bool SameBytes(SafetensorsFile other, string name)
        => ByteLength(name) == other.ByteLength(name) && NativeTensors.SameBytes(Start(name), other.Start(name), ByteLength(name));

    private byte* Start(string name) => _file.Start + _header.DataStart + Entry(name).Begin;

    /// <summary>Unmaps the file: its tensors must not be used any more.</summary>
    public void Dispose() => _file.Dispose();

    private SafetensorsEntry Entry(string name)
        => _byName.GetValueOrDefault(name) ?? throw new BadInputException("the file has no such tensor", name, Path, remedy: NearNames.Sentence(name, Names));
}
