using System.Runtime.InteropServices;

namespace LowRank.Training;

/// <summary>Memory outside the collector's reach, aligned for vectors, zeroed when it is taken. Large blocks ask for large pages: a step reads columns of matrices, a page a row.</summary>
internal sealed unsafe partial class NativeBlock : SafeHandle
{
    private const long LargePage = 2 << 20;
    private const int UseLargePages = 14; // MADV_HUGEPAGE

    /// <summary>Takes <paramref name="bytes"/>.</summary>
    public NativeBlock(long bytes) : base(0, ownsHandle: true)
    {
        Bytes = bytes;
        bool large = bytes >= LargePage && OperatingSystem.IsLinux();
        void* at = NativeMemory.AlignedAlloc((nuint)Math.Max(64, bytes), large ? (nuint)LargePage : 64);
        if (large) _ = madvise((nint)at, (nuint)bytes, UseLargePages); // only advice
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

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint length, int advice);
}
