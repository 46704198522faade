using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowRank.Tensors;

/// <summary>
/// Tells glibc to keep freed blocks for reuse. By default it returns every large block to the kernel and takes it again, and each
/// training step then pays page faults for gigabytes (20 to 60 % of a step's time).
/// </summary>
internal static partial class Allocator
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3, ArenaMaximum = -8;

#pragma warning disable CA2255 // must run before libtorch loads, whoever loads it
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void KeepBlocks()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null) return;
        try
        {
            // One arena: those of further threads are made of 64 MB heaps, in which tensors of changing sizes leave holes for ever.
            _ = mallopt(ArenaMaximum, 1);
            _ = mallopt(MmapThreshold, 32 << 20);
            _ = mallopt(TrimThreshold, int.MaxValue);
            _ = mallopt(TopPad, 64 << 20);
        }
        catch (EntryPointNotFoundException) { } // musl has no mallopt
        catch (DllNotFoundException) { }
    }

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);
}
