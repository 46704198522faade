using System.Diagnostics;

namespace LowRank.Training;

/// <summary>Seconds by part of a step, for benchmarks; off by default and then as good as free. For one thread.</summary>
public static class StepClock
{
    private static readonly Dictionary<string, double> Parts = [];

    /// <summary>Whether it counts.</summary>
    public static bool Enabled { get; set; }

    /// <summary>Now.</summary>
    public static long Start() => Enabled ? Stopwatch.GetTimestamp() : 0;

    /// <summary>Adds what has passed since <paramref name="since"/> to a part, and returns now.</summary>
    public static long Tick(string part, long since)
    {
        if (!Enabled) return 0;
        long now = Stopwatch.GetTimestamp();
        Parts[part] = Parts.GetValueOrDefault(part) + Stopwatch.GetElapsedTime(since, now).TotalSeconds;
        return now;
    }

    /// <summary>What has been counted, which begins anew.</summary>
    public static IReadOnlyDictionary<string, double> Take()
    {
        var taken = new Dictionary<string, double>(Parts);
        Parts.Clear();
        return taken;
    }
}
