using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace LowRank.Bench;

/// <summary>How BenchmarkDotNet runs here: in this process, so that what is compared is measured in the same minutes.</summary>
internal static class BenchConfig
{
    /// <summary>Iterations of a benchmark.</summary>
    public const int Runs = 5;

    /// <summary>Short benchmarks are repeated within an iteration; <paramref name="once"/>: each iteration is one call.</summary>
    public static IConfig Make(bool once)
    {
        var job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(2).WithIterationCount(Runs);
        if (once) job = job.WithInvocationCount(1).WithUnrollFactor(1);
        return ManualConfig.CreateEmpty().AddJob(job).AddLogger(ConsoleLogger.Default).AddDiagnoser(MemoryDiagnoser.Default).AddColumnProvider(DefaultColumnProviders.Instance).WithOptions(ConfigOptions.DisableLogFile);
    }

    /// <summary>The best iteration, in seconds a call.</summary>
    public static double Seconds(BenchmarkReport report) => report.ResultStatistics!.Min / 1e9;

    /// <summary>Bytes allocated in a call.</summary>
    public static long Allocated(BenchmarkReport report) => report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0;
}
