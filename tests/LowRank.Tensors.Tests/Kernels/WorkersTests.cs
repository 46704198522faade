using TorchSharp;

namespace LowRank.Tensors.Tests;

/// <summary>Work on all threads: every job once, errors come back, the collector may run meanwhile.</summary>
public class WorkersTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Every_job_runs_exactly_once_on_a_numbered_thread(int threads) => With(threads, () =>
    {
        foreach (int jobs in (int[])[0, 1, 2, 3, 7, 64, 1000])
            for (int round = 0; round < 20; round++)
            {
                int[] runs = new int[jobs];
                Workers.For(jobs, (worker, job) =>
                {
                    if ((uint)worker >= (uint)threads) throw new InvalidOperationException($"thread {worker} of {threads}");
                    Interlocked.Increment(ref runs[job]);
                });
                Assert.All(runs, r => Assert.Equal(1, r));
            }
        Workers.For(-3, (_, _) => Assert.Fail("no jobs"));
        int[] seen = new int[threads];
        Workers.Run(worker => Interlocked.Increment(ref seen[worker]));
        Assert.All(seen, s => Assert.Equal(1, s));
    });

    [Theory, InlineData(1), InlineData(2)]
    public void An_exception_comes_back_and_the_next_region_is_whole(int threads) => With(threads, () =>
    {
        for (int round = 0; round < 50; round++)
        {
            Assert.Equal("job 17", Thrown(job => job == 17 ? "job 17" : null));
            int count = 0;
            Workers.For(40, (_, _) => Interlocked.Increment(ref count));
            Assert.Equal(40, count);
        }
        Assert.Equal("all of them", Thrown(_ => "all of them"));

        static string Thrown(Func<int, string?> fault)
        {
            var e = Record.Exception(() => Workers.For(40, (_, job) =>
            {
                if (fault(job) is { } said) throw new InvalidDataException(said);
            }));
            if (e is AggregateException many) e = many.InnerException; // .NET's pool, where libtorch brings no OpenMP
            return Assert.IsType<InvalidDataException>(e).Message;
        }
    });

    [Fact]
    public void The_collector_may_run_in_a_region() => With(2, () =>
    {
        for (int round = 0; round < 10; round++)
        {
            byte[][] kept = new byte[64][];
            Workers.For(64, (_, job) =>
            {
                kept[job] = new byte[10_000 + job];
                kept[job].AsSpan().Fill((byte)job);
                if (job % 16 == 3) GC.Collect();
            });
            for (int job = 0; job < 64; job++) Assert.False(kept[job].AsSpan().ContainsAnyExcept((byte)job));
        }
    });

    private static void With(int threads, Action body)
    {
        NativeTensors.EnsureLoaded();
        int before = torch.get_num_threads();
        torch.set_num_threads(threads);
        try { body(); }
        finally { torch.set_num_threads(before); }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Work_within_work_is_refused_on_any_thread(int threads)
    {
        int before = TorchSharp.torch.get_num_threads();
        TorchSharp.torch.set_num_threads(threads);
        try
        {
            int refused = 0;
            foreach (int jobs in (int[])[1, 40])
                foreach (int inner in (int[])[1, 8])
                {
                    var e = Record.Exception(() => Workers.For(jobs, (_, _) => Workers.For(inner, (_, _) => { })));
                    if (e is InvalidOperationException) refused++;
                }
            Assert.Equal(4, refused);
            Assert.IsType<InvalidOperationException>(Record.Exception(() => Workers.Run(_ => Workers.Run(_ => { }))));
            int sum = 0;
            Workers.For(100, (_, job) => Interlocked.Add(ref sum, job));
            Assert.Equal(4950, sum);
        }
        finally { TorchSharp.torch.set_num_threads(before); }
    }
}
