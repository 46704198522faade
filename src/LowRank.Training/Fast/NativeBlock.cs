using System.Runtime.InteropServices;

namespace LowRank.Training;

/// <summary>Memory outside the collector's reach, aligned for vectors, zeroed when it is taken.</summary>
internal sealed unsafe class NativeBlock : SafeHandle
{
    /// <summary>Takes <paramref name="bytes"/>.</summary>
    public NativeBlock(long bytes) : base(0, ownsHandle: true)
    {
        Bytes = bytes;
        void* at = NativeMemory.AlignedAlloc((nuint)Math.Max(64, bytes), 64);
        NativeMemory.Clear(at, (nuint)bytes);
        SetHandle((nint)at);
    }

    /// <summary>Its size.</summary>
    public long Bytes { get; }
    /// <summary>Its first byte.</summary>
    public byte* Start => (byte*)handle;
    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }
}
