using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace LowRank.Tensors;

/// <summary>
/// Work on all of libtorch's threads. Where libtorch brings GNU's OpenMP, its own threads are used: they already wait for work between two operators, so a region
/// costs half a microsecond, and no second pool of threads fights with them for the cores. Elsewhere .NET's pool does it.
/// </summary>
public static unsafe class Workers
{
    private static readonly delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void> Parallelise;
    private static readonly delegate* unmanaged<int> ThreadNumber;
    private static readonly object Gate = new();
    private static Action<int>? _body;
    private static ExceptionDispatchInfo? _error;

    static Workers()
    {
        NativeTensors.EnsureLoaded();
        if (!OperatingSystem.IsLinux()) return;
        string? path = null;
        foreach (ProcessModule module in Process.GetCurrentProcess().Modules)
            if (module.ModuleName.StartsWith("libgomp", StringComparison.Ordinal)) path = module.FileName;
        if (path is null || !NativeLibrary.TryLoad(path, out nint library)) return;
        if (!NativeLibrary.TryGetExport(library, "GOMP_parallel", out nint parallelise) || !NativeLibrary.TryGetExport(library, "omp_get_thread_num", out nint number)) return;
        Parallelise = (delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void>)parallelise;
        ThreadNumber = (delegate* unmanaged<int>)number;
    }

    /// <summary>Threads that work at once: libtorch's setting.</summary>
    public static int Count => TorchSharp.torch.get_num_threads();

    /// <summary>Runs <paramref name="body"/> once on each thread, with its number from 0, and waits. The first exception is rethrown here. Not to be nested.</summary>
    public static void Run(Action<int> body)
    {
        int count = Count;
        if (count == 1) { body(0); return; }
        if (Parallelise is null) { Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, body); return; }
        lock (Gate)
        {
            (_body, _error) = (body, null);
            Parallelise(&Enter, null, (uint)count, 0);
            _body = null;
            _error?.Throw();
        }
    }

    /// <summary>Hands jobs 0 .. <paramref name="jobs"/> - 1 out to the threads as they become free: <paramref name="body"/>(thread, job).</summary>
    public static void For(int jobs, Action<int, int> body)
    {
        if (jobs <= 0) return;
        if (jobs == 1) { body(0, 0); return; }
        int next = 0;
        Run(worker =>
        {
            for (int job; (job = Interlocked.Increment(ref next) - 1) < jobs;) body(worker, job);
        });
    }

    // An exception must not reach the native frames below.
    [UnmanagedCallersOnly]
    private static void Enter(void* _)
    {
        try { _body!(ThreadNumber()); }
        catch (Exception e) { Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(e), null); }
    }
}
