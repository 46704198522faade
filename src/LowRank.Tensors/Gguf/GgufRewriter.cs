using System.Text;

namespace LowRank.Tensors;

/// <summary>A tensor's new data.</summary>
/// <param name="Type">How it is stored from now on.</param>
/// <param name="Write">Writes its bytes, exactly as many as its shape takes in that type.</param>
public sealed record GgufChange(GgufType Type, Action<Stream> Write);

/// <summary>
/// Writes a GGUF file anew with other data in some of its tensors. Where each keeps its type it keeps its place too, and header, metadata and every other byte are the old file's; else the list of
/// tensors is written anew and the data behind it move, the metadata's bytes being the old file's still.
/// </summary>
public static class GgufRewriter
{
    private const string VersionKey = "general.quantization_version";

    /// <summary>Writes the file, aside and then renamed.</summary>
    /// <param name="source">The old file, open.</param>
    /// <param name="path">Where; an existing file is replaced in one step. Not the source itself.</param>
    /// <param name="changes">By the tensor's name what it holds instead.</param>
    /// <exception cref="BadInputException">The file has no such tensor, the place is the source's or cannot be written; what stood there is untouched.</exception>
    /// <exception cref="InvalidOperationException">A tensor got more or fewer bytes than it has; what stood there is untouched.</exception>
    public static void Write(GgufFile source, string path, IReadOnlyDictionary<string, GgufChange> changes)
    {
        RefuseSource(source.Path, path);
        bool samePlaces = changes.All(c => source.Entry(c.Key).Type == c.Value.Type);
        AtomicFile.Write(path, stream =>
        {
            if (samePlaces) InPlace(source, changes, stream);
            else Anew(source, changes, stream);
        });
    }

    /// <summary>Throws where an output is the file that it is made from, by whatever name.</summary>
    /// <exception cref="BadInputException">It is.</exception>
    public static void RefuseSource(string source, string path)
    {
        if (RealPath.Same(RealPath.Of(source), RealPath.Of(path)))
            throw new BadInputException("the output is the file that is read", path, remedy: "Choose another place: the old file is needed while the new one is written.");
    }

    private static void InPlace(GgufFile source, IReadOnlyDictionary<string, GgufChange> changes, Stream stream)
    {
        long at = 0;
        foreach (var (tensor, change) in changes.Select(c => (Tensor: source.Entry(c.Key), c.Value)).OrderBy(c => c.Tensor.Offset))
        {
            source.CopyTo(stream, at, tensor.Offset);
            Write(tensor, tensor.Bytes, change, stream);
            at = tensor.Offset + tensor.Bytes;
        }
        source.CopyTo(stream, at, source.Length);
    }

    private static void Anew(GgufFile source, IReadOnlyDictionary<string, GgufChange> changes, Stream stream)
    {
        var tensors = source.Tensors.Select(t => (Old: t, Change: changes.GetValueOrDefault(t.Name))).Select(t => (t.Old, t.Change, Bytes: t.Change is null ? t.Old.Bytes : BytesIn(t.Change.Type, t.Old.Shape))).ToList();
        bool versioned = source.Metadata.ContainsKey(VersionKey) || !tensors.Any(t => t.Change?.Type.BlockElements > 1);
        using (var header = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            header.Write("GGUF"u8);
            header.Write(source.Version);
            header.Write((ulong)tensors.Count);
            header.Write((ulong)(source.Pairs.Count + (versioned ? 0 : 1)));
            header.Flush();
            source.CopyTo(stream, source.Pairs.From, source.Pairs.To);
            if (!versioned) // readers take blocks without it for those of an older ggml
            {
                Text(header, VersionKey);
                header.Write(4);
                header.Write(2u);
            }
            long offset = 0;
            foreach (var (old, change, bytes) in tensors)
            {
                Text(header, old.Name);
                header.Write(old.Shape.Length);
                foreach (long size in old.Shape.Reverse()) header.Write(size);
                header.Write((change?.Type ?? old.Type).Id);
                header.Write(offset);
                offset = Aligned(offset + bytes, source.Alignment);
            }
        }
        foreach (var (old, change, bytes) in tensors)
        {
            Pad(stream, source.Alignment);
            if (change is null) source.CopyTo(stream, old.Offset, old.Offset + old.Bytes);
            else Write(old, bytes, change, stream);
        }
        Pad(stream, source.Alignment);
    }

    private static void Write(GgufTensor tensor, long bytes, GgufChange change, Stream stream)
    {
        long from = stream.Position;
        change.Write(stream);
        if (stream.Position - from != bytes) throw new InvalidOperationException($"{tensor.Name} has {bytes} bytes, not {stream.Position - from}");
    }

    private static long BytesIn(GgufType type, long[] shape) => shape.Aggregate(1L, (a, b) => a * b) / type.BlockElements * type.BlockBytes;

    private static long Aligned(long offset, long alignment) => (offset + alignment - 1) / alignment * alignment;

    private static void Pad(Stream stream, long alignment)
    {
        for (long left = Aligned(stream.Position, alignment) - stream.Position; left > 0; left--) stream.WriteByte(0);
    }

    private static void Text(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }
}
