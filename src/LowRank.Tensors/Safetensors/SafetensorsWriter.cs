using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>Writes safetensors files: aside, flushed to the disk, then renamed, so that a file is whole or absent.</summary>
public static class SafetensorsWriter
{
    /// <summary>Writes tensors in the given order. Sources: any device, any layout; they are written contiguously in their own dtype.</summary>
    /// <exception cref="BadInputException">The disk is full or the place cannot be written.</exception>
    public static unsafe void Write(string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        if (tensors.Select(t => t.Name).Append("__metadata__").GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"two tensors are called '{twice.Key}', or one has the metadata's name");
        var plan = tensors.Select(t => (t.Name, DType(t.Name, t.Tensor), t.Tensor.shape, t.Tensor.NumberOfElements * t.Tensor.ElementSize)).ToList();
        AtomicFile.Write(path, stream =>
        {
            stream.Write(SafetensorsHeader.Write(plan, metadata));
            foreach (var (_, tensor) in tensors)
            {
                using var scope = NewDisposeScope();
                var plain = tensor.detach().cpu().contiguous();
                byte* data = NativeTensors.DataPointer(plain);
                long left = plain.NumberOfElements * plain.ElementSize;
                for (long at = 0; left > 0;)
                {
                    int part = (int)Math.Min(left, 64 << 20);
                    stream.Write(new ReadOnlySpan<byte>(data + at, part));
                    at += part;
                    left -= part;
                }
                GC.KeepAlive(plain);
            }
        });
    }

    private static string DType(string name, Tensor tensor)
        => SafetensorsDType.OfTorch(NativeTensors.DType(tensor)) ?? throw new ArgumentException($"tensor '{name}' has a dtype that safetensors cannot hold");
}
