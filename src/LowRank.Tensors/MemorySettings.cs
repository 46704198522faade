using System.Runtime.InteropServices;

namespace LowRank.Tensors;

/// <summary>
/// Memory and thread settings of the whole process. A program that is there to train or generate makes them, as the command line does; a library
/// that is only referenced changes nothing in its host.
/// </summary>
public static partial class MemorySettings
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3, ArenaMaximum = -8;

    /// <summary>Whether they were made.</summary>
    public static bool IsApplied { get; private set; }

    /// <summary>
    /// Makes them, unless the process's environment has its own; to be called before libtorch is used for the first time, for libtorch looks once. glibc keeps freed blocks for reuse:
    /// by default it returns every large block to the kernel and takes it again, and each training step then pays page faults for gigabytes (20 to 60 % of a step's time).
    /// libtorch's caches of matrix-product kernels are bounded, of which every new sequence length adds dozens: at their usual size of 1,024 a run on rows of many lengths grows by
    /// more than a gigabyte. Its threads sleep soon after they have nothing to do: where other programs want the same cores, threads that spin for a millisecond use up their time
    /// before the work comes (a training step beside two busy programs took 5.4 s against 3.5 s; alone it takes the same either way).
    /// </summary>
    public static void Apply()
    {
        if (IsApplied) return;
        IsApplied = true;
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
            _ = mallopt(MmapThreshold, NativeMemory.LargeBlock);
            _ = mallopt(TrimThreshold, int.MaxValue);
            _ = mallopt(TopPad, 64 << 20);
        }
        catch (EntryPointNotFoundException) { } // musl has no mallopt
        catch (DllNotFoundException) { }
    }

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);

    // .NET's own copy of the environment never reaches native code.
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);
}
