using System.Globalization;
using System.Runtime.InteropServices;

namespace LowRank.Tensors;

/// <summary>Memory asked of the system and given back to it, page by page.</summary>
internal static partial class NativeMemory
{
    private const int NotNeeded = 4; // MADV_DONTNEED

    /// <summary>From here on a block has pages of its own, which go back to the system with it.</summary>
    internal const int LargeBlock = 32 << 20;

    /// <summary>
    /// Gives freed blocks back to the system, where it can, and pages of libtorch's code and of the files that were mapped here: loading libtorch runs through most of its code once, and around what is read
    /// of a model's file lies what is not. What is needed later comes back from the files. Other files that the process has mapped are left alone.
    /// </summary>
    internal static void GiveBack()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = malloc_trim(0);
            MappedFile.ReleaseAll();
            foreach (string line in File.ReadLines("/proc/self/maps"))
            {
                string[] parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries); // addresses, rights, offset, device, file number, path
                if (parts.Length < 6 || parts[1] != "r-xp" || !Path.GetFileName(parts[5]).StartsWith("libtorch", StringComparison.Ordinal)) continue;
                nint[] range = [.. parts[0].Split('-').Select(a => nint.Parse(a, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
                LetGo(range[0], range[1]);
            }
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException or IOException or UnauthorizedAccessException) { } // musl has no malloc_trim; a system without /proc
    }

    /// <summary>Takes a file's pages [from, to), which nothing has written to, out of memory; they come back from the file. On Linux; only advice.</summary>
    internal static void LetGo(nint from, nint to) => _ = madvise(from, (nuint)(to - from), NotNeeded);

    /// <summary>
    /// Pages of their own for what lives as long as a model; null where the system has none to give (not Linux) or the block is small. Blocks that stay among such as come and go
    /// leave holes in the heap, which cost as much again while a model is quantised matrix by matrix.
    /// </summary>
    internal static unsafe byte* TakePages(long length)
    {
        const int ReadWrite = 3, PrivateAnonymous = 0x22;
        if (!OperatingSystem.IsLinux() || length < LeastPages) return null;
        void* pages = mmap(null, (nuint)length, ReadWrite, PrivateAnonymous, -1, 0);
        return pages == (void*)-1 ? null : (byte*)pages;
    }

    /// <summary>Gives pages back.</summary>
    internal static unsafe void FreePages(byte* pages, long length) => _ = munmap(pages, (nuint)length);

    private const long LeastPages = 128 << 10; // below, the last page's unused rest would be a few hundredths of it

    [LibraryImport("libc")]
    private static unsafe partial void* mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static unsafe partial int munmap(void* address, nuint length);

    [LibraryImport("libc")]
    private static partial int malloc_trim(nuint pad);

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint length, int advice);
}
