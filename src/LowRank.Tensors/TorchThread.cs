using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace LowRank.Tensors;

/// <summary>
/// The one thread of a process on which torch work runs. Dispose scopes, grad mode and autocast are thread-static in libtorch and
/// TorchSharp, so work that hops threads leaks or races; everything is sent here instead.
/// </summary>
public sealed class TorchThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    /// <summary>Starts the thread.</summary>
    public TorchThread(string name = "torch")
    {
        _thread = new Thread(Loop, maxStackSize: 64 << 20) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>The process's own torch thread.</summary>
    public static TorchThread Shared { get; } = new();

    /// <summary>Runs <paramref name="work"/> on the thread and waits for its result; its exception is rethrown here. Calls from the thread itself run at once.</summary>
    public T Run<T>(Func<T> work)
    {
        if (Thread.CurrentThread == _thread) return work();
        T? result = default;
        ExceptionDispatchInfo? error = null;
        using var done = new ManualResetEventSlim();
        _work.Add(() =>
        {
            try { result = work(); }
            catch (Exception e) { error = ExceptionDispatchInfo.Capture(e); }
            finally { done.Set(); }
        });
        done.Wait();
        error?.Throw();
        return result!;
    }

    /// <summary>Runs <paramref name="work"/> on the thread and waits for it.</summary>
    public void Run(Action work) => Run(() => { work(); return true; });

    /// <summary>Lets the thread end when its queue is empty.</summary>
    public void Dispose() => _work.CompleteAdding();

    private void Loop()
    {
        foreach (var action in _work.GetConsumingEnumerable()) action();
    }
}
