using System.Runtime.ExceptionServices;

namespace LowRank.Text;

/// <summary>Work on many texts at once.</summary>
internal static class Batches
{
    private const int Few = 8;

    /// <summary>Does the work for 0 to <paramref name="count"/> - 1 on so many threads (0: as many as there are processors). Of several errors the first one's counts.</summary>
    public static void Run(int count, int threads, Action<int> work)
    {
        if (threads <= 0) threads = Environment.ProcessorCount;
        if (threads == 1 || count < Few)
        {
            for (int i = 0; i < count; i++) work(i);
            return;
        }
        Exception? error = null;
        int errorAt = int.MaxValue;
        var gate = new Lock();
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, (i, state) =>
        {
            if (state.LowestBreakIteration < i) return;
            try { work(i); }
            catch (Exception e)
            {
                lock (gate)
                    if (i < errorAt) (error, errorAt) = (e, i);
                state.Break();
            }
        });
        if (error is not null) ExceptionDispatchInfo.Throw(error);
    }
}
