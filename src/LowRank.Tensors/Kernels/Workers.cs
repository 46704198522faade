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
    [ThreadStatic] private static bool _inside;
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

    /// <summary>Runs <paramref name="body"/> once on each thread, with its number from 0, and waits. The first exception is rethrown here.</summary>
    /// <exception cref="InvalidOperationException">It is called by work that runs here: the threads would wait for one another.</exception>
    public static void Run(Action<int> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        RefuseNested();
        int count = Count;
        if (count == 1) { Inside(body, 0); return; }
        if (Parallelise is null) { Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, worker => Inside(body, worker)); return; }
        lock (Gate)
        {
            (_body, _error) = (body, null);
            Parallelise(&Enter, null, (uint)count, 0);
            _body = null;
            _error?.Throw();
        }
    }

    /// <summary>
    /// Does jobs 0 .. <paramref name="jobs"/> - 1 on all threads: <paramref name="body"/>(thread, job). Each thread has its own stretch of them, from the first on, so that passes over the same rows find
    /// them where the thread before left them - cores need not share a cache; who is done takes the last jobs of others.
    /// </summary>
    public static void For(int jobs, Action<int, int> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        RefuseNested(); // also where one job would need no other thread: its number 0 may be another's, and with it that one's memory
        if (jobs <= 0) return;
        if (jobs == 1) { Inside(worker => body(worker, 0), 0); return; }
        int count = Count;
        long[] stretches = new long[count * Apart]; // first and end of what is left, in one word
        for (int w = 0; w < count; w++) stretches[w * Apart] = Stretch((int)((long)jobs * w / count), (int)((long)jobs * (w + 1) / count));
        Run(worker =>
        {
            for (int job; (job = Take(ref stretches[worker * Apart], fromEnd: false)) >= 0;) body(worker, job);
            for (int other = 1; other < count; other++)
                for (int job; (job = Take(ref stretches[(worker + other) % count * Apart], fromEnd: true)) >= 0;) body(worker, job);
        });
    }

    private const int Apart = 16; // words between stretches: none shares a cache line with another

    private static long Stretch(int first, int end) => (long)first << 32 | (uint)end;

    private static int Take(ref long stretch, bool fromEnd)
    {
        while (true)
        {
            long seen = Volatile.Read(ref stretch);
            int first = (int)(seen >> 32), end = (int)seen;
            if (first >= end) return -1;
            long left = fromEnd ? Stretch(first, end - 1) : Stretch(first + 1, end);
            if (Interlocked.CompareExchange(ref stretch, left, seen) == seen) return fromEnd ? end - 1 : first;
        }
    }

    private static void RefuseNested()
    {
        if (_inside) throw new InvalidOperationException("work on all threads cannot be started by work that is on them already");
    }

    private static void Inside(Action<int> body, int worker)
    {
        _inside = true;
        try { body(worker); }
        finally { _inside = false; }
    }

    // An exception must not reach the native frames below.
    [UnmanagedCallersOnly]
    private static void Enter(void* _)
    {
        try { Inside(_body!, ThreadNumber()); }
        catch (Exception e) { Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(e), null); }
    }
}
