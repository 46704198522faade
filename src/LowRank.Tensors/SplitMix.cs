namespace LowRank.Tensors;

/// <summary>Random numbers as a pure function of their place (Steele, Lea, Flood: SplittableRandom, 2014): nothing needs to be saved to draw them again.</summary>
public static class SplitMix
{
    /// <summary>64 random bits for a seed and up to two counters.</summary>
    public static ulong At(long seed, long first, long second = 0)
        => Mix(Mix(Mix((ulong)seed + 0x9E3779B97F4A7C15) + (ulong)first * 0x9E3779B97F4A7C15) + (ulong)second * 0xD1B54A32D192ED03);

    /// <summary>The finaliser: every bit of the number reaches every bit of the result.</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
