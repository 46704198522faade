using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LowRank.Training;

/// <summary>
/// Where a step's time goes, by part. Off unless <see cref="Enabled"/>; then a call costs one comparison. One for the process and without locks: steps run on the one torch thread.
/// </summary>
public static class StepClock
{
    private static readonly Dictionary<string, long> Ticks = [];

    /// <summary>Whether time is taken.</summary>
    public static bool Enabled { get; set; }

    /// <summary>Now, for the first <see cref="Tick"/>; 0 where no time is taken.</summary>
    public static long Start() => Enabled ? Stopwatch.GetTimestamp() : 0;

    /// <summary>Adds the time since <paramref name="since"/> to a part and gives now, from which the next part goes on. Parts must not overlap.</summary>
    /// <param name="part">A constant name; that of a first time allocates, later ones do not.</param>
    /// <param name="since">What <see cref="Start"/> or the <see cref="Tick"/> before gave.</param>
    public static long Tick(string part, long since)
    {
        if (!Enabled || since == 0) return 0;
        long now = Stopwatch.GetTimestamp();
        CollectionsMarshal.GetValueRefOrAddDefault(Ticks, part, out _) += now - since;
        return now;
    }

    /// <summary>The seconds of each part since the last call, longest first; all parts then begin anew.</summary>
    public static IReadOnlyDictionary<string, double> Take()
    {
        var taken = Ticks.OrderByDescending(t => t.Value).ToDictionary(t => t.Key, t => (double)t.Value / Stopwatch.Frequency);
        Ticks.Clear();
        return taken;
    }
}
