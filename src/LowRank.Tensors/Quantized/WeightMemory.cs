using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>The bytes of a quantised weight: its own native memory, a tensor's, or memory of an owner that is kept alive with it.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    private readonly bool _own, _pages;
    private readonly Tensor? _tensor;
    private readonly object? _owner;

    private WeightMemory(byte* start, long length, bool own, Tensor? tensor, object? owner, bool pages = false)
    {
        Start = start;
        (Length, _own, _pages, _tensor, _owner) = (length, own, pages, tensor, owner);
    }

    /// <summary>The first byte; null once disposed.</summary>
    public byte* Start { get; private set; }
    /// <summary>How many there are.</summary>
    public long Length { get; }

    /// <summary>New memory on a cache line's boundary; its content is undefined.</summary>
    public static WeightMemory Allocate(long length)
    {
        byte* pages = NativeMemory.TakePages(length), start = pages is not null ? pages : (byte*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc((nuint)Math.Max(1, length), 64);
        var memory = new WeightMemory(start, length, own: true, null, null, pages is not null);
        GC.AddMemoryPressure(Math.Max(1, length));
        return memory;
    }

    /// <summary>Memory that somebody else frees; <paramref name="owner"/> is kept alive as long as this is.</summary>
    public static WeightMemory View(byte* start, long length, object? owner) => new(start, length, own: false, null, owner);

    /// <summary>A CPU tensor's bytes (a contiguous copy where it is not contiguous). The tensor itself may be disposed.</summary>
    public static WeightMemory Of(Tensor tensor, object? owner = null)
    {
        using var scope = NewDisposeScope();
        var held = tensor.detach().cpu().contiguous().alias().DetachFromDisposeScope();
        return new WeightMemory(NativeTensors.DataPointer(held), held.NumberOfElements * held.ElementSize, own: false, held, owner);
    }

    /// <summary>
    /// A matrix's numbers as contiguous float32 on the CPU: where they lie already, else a copy. The copy is no tensor of libtorch's: each of those, aligned as they are, leaves a hole in glibc's heap
    /// that the next does not fit, so that quantising a model matrix by matrix would take as much as all of it in float32.
    /// </summary>
    public static WeightMemory Matrix(Tensor source)
    {
        if (source.dim() != 2) throw new ArgumentException($"a matrix is needed, not [{string.Join(", ", source.shape)}]");
        if (source.dtype == ScalarType.Float32 && source.device.type == DeviceType.CPU && source.is_contiguous()) return Of(source);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var copy = Allocate(source.NumberOfElements * sizeof(float));
        copy.Floats(source.shape).copy_(source.detach());
        return copy;
    }

    /// <summary>A quantised matrix's numbers as float32.</summary>
    public static WeightMemory Matrix(QuantizedWeight source)
    {
        var copy = Allocate(source.Rows * source.Columns * sizeof(float));
        source.ExpandAll((float*)copy.Start);
        return copy;
    }

    /// <summary>The numbers as a float32 tensor, valid as long as this.</summary>
    public Tensor Floats(long[] shape) => NativeTensors.View(Start, shape, (int)ScalarType.Float32);

    /// <summary>A copy of numbers.</summary>
    public static WeightMemory Copy<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        var memory = Allocate((long)values.Length * sizeof(T));
        values.CopyTo(new Span<T>(memory.Start, values.Length));
        return memory;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    ~WeightMemory()
    {
        if (_own) Free();
    }

    private void Free()
    {
        if (Start is null) return;
        if (_own)
        {
            if (_pages) NativeMemory.FreePages(Start, Length);
            else System.Runtime.InteropServices.NativeMemory.AlignedFree(Start);
            GC.RemoveMemoryPressure(Math.Max(1, Length));
        }
        Start = null;
        _tensor?.Dispose();
        GC.KeepAlive(_owner);
    }
}
