using System.Globalization;

namespace LowRank.Tensors;

/// <summary>Amounts of memory as people write them: 1.5GB, 800 MiB, 2e9.</summary>
public static class ByteSize
{
    private static readonly (string Name, double Bytes)[] Units =
    [
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1L << 40), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12), ("b", 1),
    ];

    /// <summary>Bytes of a number with a unit (B, KB, MB, GB, TB; KiB, MiB, GiB, TiB), in any case, a blank between allowed; without one, bytes.</summary>
    /// <param name="text">What was given.</param>
    /// <param name="place">Where, for the message.</param>
    /// <exception cref="BadInputException">It is no amount above 0.</exception>
    public static long Parse(string text, string place)
    {
        string lower = text.Trim().ToLowerInvariant();
        var (name, bytes) = Units.FirstOrDefault(u => lower.EndsWith(u.Name, StringComparison.Ordinal), ("", 1));
        if (double.TryParse(lower[..^name.Length].TrimEnd(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number * bytes is >= 1 and < 1e18) return (long)(number * bytes);
        throw new BadInputException("not an amount of memory", text, place, "a number and B, KB, MB, GB, KiB, MiB or GiB, such as 1.5GB");
    }

    /// <summary>An amount in the unit that keeps it short, as <see cref="Parse"/> reads it.</summary>
    public static string Show(double bytes)
    {
        string[] units = ["B", "KB", "MB", "GB", "TB"];
        int unit = 0;
        while (bytes >= 1000 && unit < units.Length - 1) (bytes, unit) = (bytes / 1000, unit + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes:0.##} {units[unit]}");
    }
}
