using System.Globalization;

namespace LowRank.Training;

/// <summary>Numbers for people: few digits, units, the same everywhere.</summary>
internal static class Numbers
{
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    public static string Count(double n) => n switch
    {
        >= 1e9 => (n / 1e9).ToString("0.##", Culture) + " B",
        >= 1e6 => (n / 1e6).ToString("0.##", Culture) + " M",
        >= 1e4 => (n / 1e3).ToString("0.#", Culture) + " k",
        _ => n.ToString("0.#", Culture),
    };

    public static string Bytes(double n) => n switch
    {
        >= 1e9 => (n / 1e9).ToString("0.00", Culture) + " GB",
        >= 1e6 => (n / 1e6).ToString("0.0", Culture) + " MB",
        >= 1e3 => (n / 1e3).ToString("0.0", Culture) + " kB",
        _ => n.ToString("0", Culture) + " bytes",
    };

    public static string Time(double seconds)
    {
        if (seconds < 60) return seconds.ToString("0.0", Culture) + " s";
        var t = TimeSpan.FromSeconds(Math.Round(seconds));
        return t.TotalHours >= 1 ? string.Create(Culture, $"{(int)t.TotalHours} h {t.Minutes:00} min") : string.Create(Culture, $"{t.Minutes} min {t.Seconds:00} s");
    }

    /// <summary>Four significant digits, in powers of ten where many noughts would stand.</summary>
    public static string Real(double x)
        => !double.IsFinite(x) ? x.ToString(Culture) : x == 0 ? "0" : Math.Abs(x) is >= 1e-3 and < 1e5 ? x.ToString("G4", Culture) : x.ToString("0.###e0", Culture);

    /// <summary>A coordinate of a picture.</summary>
    public static string Coordinate(double x) => x.ToString("0.##", Culture);
}
