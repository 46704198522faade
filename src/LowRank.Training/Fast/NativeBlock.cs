using System.Runtime.InteropServices;

namespace LowRank.Training;

/// <summary>Memory outside the collector's reach, aligned for vectors, zeroed when it is taken. Large blocks ask for large pages: a step reads columns of matrices, a page a row.</summary>
internal sealed unsafe partial class NativeBlock : SafeHandle
{
    private const long LargePage = 2 << 20;
    private const nuint Page = 4096;
    private const int UseLargePages = 14; // MADV_HUGEPAGE

    private readonly nuint _mapped;

    /// <summary>Whether blocks end at a page that nothing can touch, so that reading or writing beyond one ends the process: for tests, on Linux.</summary>
    internal static bool Guarded { get; set; }

    /// <summary>Takes <paramref name="bytes"/>.</summary>
    public NativeBlock(long bytes) : base(0, ownsHandle: true)
    {
        Bytes = bytes;
        if (Guarded && OperatingSystem.IsLinux())
        {
            SetHandle(BeforeGuard((nuint)Math.Max(64, bytes), out _mapped));
            return;
        }
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
        if (_mapped > 0) return munmap(handle & ~(nint)(Page - 1), _mapped) == 0;
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }

    // Fresh pages are zero; the last one is closed.
    private static nint BeforeGuard(nuint bytes, out nuint mapped)
    {
        nuint room = (bytes + Page - 1) / Page * Page;
        mapped = room + Page;
        nint start = mmap(0, mapped, 3, 0x22, -1, 0); // readable, writable, private, of no file
        if (start == -1 || mprotect(start + (nint)room, Page, 0) != 0) throw new InvalidOperationException("no guarded memory");
        return start + (nint)(room - (bytes + 15) / 16 * 16);
    }

    [LibraryImport("libc")]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int file, nint offset);
    [LibraryImport("libc")]
    private static partial int mprotect(nint address, nuint length, int protection);
    [LibraryImport("libc")]
    private static partial int munmap(nint address, nuint length);

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint length, int advice);
}
