using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>Writes safetensors files: aside, flushed to the disk, then renamed, so that a file is whole or absent.</summary>
public static class SafetensorsWriter
{
    /// <summary>Writes tensors in the given order. Sources: any device, any layout; they are written contiguously in their own dtype.</summary>
    /// <exception cref="BadInputException">The disk is full or the place cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
        => Write(path, [.. tensors.Select(t => (t.Name, DType(t.Name, t.Tensor), t.Tensor.shape, t.Tensor.NumberOfElements * t.Tensor.ElementSize, (Func<Tensor>)(() => t.Tensor)))], metadata);

    /// <summary>The same with tensors that are only made when their turn comes, each in the dtype and shape announced, and disposed at once.</summary>
    public static void Write(string path, IReadOnlyList<(string Name, ScalarType DType, long[] Shape, Func<Tensor> Read)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
        => Write(path, [.. tensors.Select(t =>
        {
            string dtype = Name(t.Name, (int)t.DType);
            return (t.Name, dtype, t.Shape, t.Shape.Aggregate(SafetensorsDType.Bits(dtype)!.Value / 8L, (a, b) => a * b), t.Read);
        })], metadata);

    private static unsafe void Write(string path, List<(string Name, string DType, long[] Shape, long Bytes, Func<Tensor> Read)> plan, IReadOnlyDictionary<string, string>? metadata)
    {
        if (plan.Select(t => t.Name).Append("__metadata__").GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"two tensors are called '{twice.Key}', or one has the metadata's name");
        AtomicFile.Write(path, stream =>
        {
            stream.Write(SafetensorsHeader.Write([.. plan.Select(t => (t.Name, t.DType, t.Shape, t.Bytes))], metadata));
            foreach (var (name, _, _, bytes, read) in plan)
            {
                using var scope = NewDisposeScope();
                var plain = read().detach().cpu().contiguous();
                if (plain.NumberOfElements * plain.ElementSize != bytes) throw new ArgumentException($"tensor '{name}' is not of the size that was announced");
                byte* data = NativeTensors.DataPointer(plain);
                long left = bytes;
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

    private static string DType(string name, Tensor tensor) => Name(name, NativeTensors.DType(tensor));

    private static string Name(string tensor, int dtype)
        => SafetensorsDType.OfTorch(dtype) ?? throw new ArgumentException($"tensor '{tensor}' has a dtype that safetensors cannot hold");
}
