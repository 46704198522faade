namespace LowRank.Tensors;

/// <summary>
/// Writes a GGUF file anew with other data in some of its tensors. Each keeps its type, shape and place, so header, metadata and every other byte are the old file's.
/// </summary>
public static class GgufRewriter
{
    /// <summary>Writes the file, aside and then renamed.</summary>
    /// <param name="source">The old file, open.</param>
    /// <param name="path">Where; an existing file is replaced in one step. Not the source itself.</param>
    /// <param name="data">By the tensor's name what writes its bytes, exactly as many as it has.</param>
    /// <exception cref="BadInputException">The file has no such tensor, the place is the source's or cannot be written; what stood there is untouched.</exception>
    /// <exception cref="InvalidOperationException">A tensor got more or fewer bytes than it has; what stood there is untouched.</exception>
    public static void Write(GgufFile source, string path, IReadOnlyDictionary<string, Action<Stream>> data)
    {
        RefuseSource(source.Path, path);
        var changed = data.Select(d => (Tensor: source.Entry(d.Key), Write: d.Value)).OrderBy(d => d.Tensor.Offset).ToList();
        AtomicFile.Write(path, stream =>
        {
            long at = 0;
            foreach (var (tensor, write) in changed)
            {
                source.CopyTo(stream, at, tensor.Offset);
                write(stream);
                at = tensor.Offset + tensor.Bytes;
                if (stream.Position != at) throw new InvalidOperationException($"{tensor.Name} has {tensor.Bytes} bytes, not {stream.Position - tensor.Offset}");
            }
            source.CopyTo(stream, at, source.Length);
        });
    }

    /// <summary>Throws where an output is the file that it is made from, by whatever name.</summary>
    /// <exception cref="BadInputException">It is.</exception>
    public static void RefuseSource(string source, string path)
    {
        if (string.Equals(Real(source), Real(path), OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase))
            throw new BadInputException("the output is the file that is read", path, remedy: "Choose another place: the old file is needed while the new one is written.");
    }

    private static string Real(string path) => Path.GetFullPath(File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path);
}
