using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>What libtorch's plain C interface gives and TorchSharp does not: tensors over foreign memory, data pointers, raw dtype numbers.</summary>
public static unsafe partial class NativeTensors
{
    private const string Library = "torch_cpu";

    /// <summary>c10's number of <see cref="ScalarType"/>s that TorchSharp's enumeration lacks.</summary>
    public const int Float8E5M2 = 23, Float8E4M3 = 24, Float8E5M2Fnuz = 25, Float8E4M3Fnuz = 26, UInt16 = 27, UInt32 = 28, UInt64 = 29, Float8E8M0 = 44;

    static NativeTensors() => torch.InitializeDeviceType(DeviceType.CPU);

    /// <summary>Loads libtorch if it is not loaded yet.</summary>
    public static void EnsureLoaded() { }

    /// <summary>A contiguous tensor that views memory it does not own; the owner must outlive it. Registered in the current dispose scope.</summary>
    /// <param name="data">First byte.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="dtype">c10 dtype number.</param>
    public static Tensor View(void* data, ReadOnlySpan<long> shape, int dtype)
    {
        Span<long> strides = stackalloc long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--) { strides[i] = stride; stride *= Math.Max(1, shape[i]); }
        long none = 0;
        fixed (long* sizes = shape, steps = strides)
        {
            int error = aoti_torch_create_tensor_from_blob((nint)data, shape.Length, sizes is null ? &none : sizes, steps is null ? &none : steps, 0, dtype, 0, 0, out nint handle);
            if (error != 0) throw new InvalidOperationException($"libtorch could not make a tensor over memory (dtype {dtype})");
            return Tensor.UnsafeCreateTensor(handle);
        }
    }

    /// <summary>The address of a CPU tensor's first element. The tensor must be kept alive while it is used.</summary>
    public static byte* DataPointer(Tensor tensor)
    {
        if (aoti_torch_get_data_ptr(tensor.Handle, out nint pointer) != 0) throw new InvalidOperationException("libtorch gave no data pointer");
        GC.KeepAlive(tensor);
        return (byte*)pointer;
    }

    /// <summary>Whether two pieces of memory, of any length, hold the same bytes.</summary>
    public static bool SameBytes(byte* one, byte* other, long length)
    {
        const int portion = 1 << 24;
        for (long at = 0; at < length; at += portion)
        {
            int many = (int)Math.Min(portion, length - at);
            if (!new ReadOnlySpan<byte>(one + at, many).SequenceEqual(new ReadOnlySpan<byte>(other + at, many))) return false;
        }
        return true;
    }

    /// <summary>c10's dtype number of a tensor, also of those that TorchSharp does not name.</summary>
    public static int DType(Tensor tensor)
    {
        if (aoti_torch_get_dtype(tensor.Handle, out int dtype) != 0) throw new InvalidOperationException("libtorch gave no dtype");
        GC.KeepAlive(tensor);
        return dtype;
    }

    [LibraryImport(Library)]
    private static partial int aoti_torch_create_tensor_from_blob(nint data, long dimensions, long* sizes, long* strides, long storageOffset, int dtype, int deviceType, int deviceIndex, out nint handle);
    [LibraryImport(Library)]
    private static partial int aoti_torch_get_data_ptr(nint tensor, out nint pointer);
    [LibraryImport(Library)]
    private static partial int aoti_torch_get_dtype(nint tensor, out int dtype);
}
