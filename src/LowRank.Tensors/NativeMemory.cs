using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowRank.Tensors;

/// <summary>
/// Settings that must stand before libtorch loads. It tells glibc to keep freed blocks for reuse. By default it returns every large block to the kernel and takes it again, and each
/// training step then pays page faults for gigabytes (20 to 60 % of a step's time). And it bounds libtorch's caches of matrix-product kernels, of which every new
/// sequence length adds dozens: at their usual size of 1,024 a run on rows of many lengths grows by more than a gigabyte. And its threads sleep soon after they have nothing to do: where other programs want the same cores, threads that
/// spin for a millisecond use up their time before the work comes (a training step beside two busy programs took 5.4 s against 3.5 s; alone it takes the same either way).
/// </summary>
internal static partial class NativeMemory
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3, ArenaMaximum = -8;
    private const int NotNeeded = 4; // MADV_DONTNEED

    /// <summary>From here on a block has pages of its own, which go back to the system with it.</summary>
    internal const int LargeBlock = 32 << 20;

#pragma warning disable CA2255 // must run before libtorch loads, whoever loads it
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Prepare()
    {
        if (!OperatingSystem.IsWindows())
        {
            foreach (string cache in (string[])["LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"]) _ = setenv(cache, "64", overwrite: 0);
            if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null) _ = setenv("GOMP_SPINCOUNT", "1000", overwrite: 0);
        }
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null) return;
        try
        {
            // One arena: those of further threads are made of 64 MB heaps, in which tensors of changing sizes leave holes for ever.
            _ = mallopt(ArenaMaximum, 1);
            _ = mallopt(MmapThreshold, LargeBlock);
            _ = mallopt(TrimThreshold, int.MaxValue);
            _ = mallopt(TopPad, 64 << 20);
        }
        catch (EntryPointNotFoundException) { } // musl has no mallopt
        catch (DllNotFoundException) { }
    }

    /// <summary>
    /// Gives freed blocks back to the system, where it can, and pages of files: loading libtorch runs through most of its code once, and around what is read of a model's file lies what is not.
    /// What is needed later comes back from the files.
    /// </summary>
    internal static void GiveBack()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = malloc_trim(0);
            foreach (string line in File.ReadLines("/proc/self/maps"))
            {
                string[] parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries); // addresses, rights, offset, device, file number, path
                if (parts.Length < 6 || !(parts[1] == "r--s" || (parts[1] == "r-xp" && Path.GetFileName(parts[5]).StartsWith("libtorch", StringComparison.Ordinal)))) continue; // mapped files; code
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

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);

    // .NET's own copy of the environment never reaches native code.
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);
}
