namespace Outlet;

/// <summary>Steele's SplitMix64: the same numbers from a seed on every machine and every .NET, which System.Random does not promise.</summary>
public sealed class SplitMix
{
    private ulong _state;

    /// <summary>Starts the numbers of a seed.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="stream">Names one of many independent sequences of the seed, so that changing one file's rows leaves the other files as they were.</param>
    public SplitMix(ulong seed, string stream)
    {
        _state = seed;
        foreach (char c in stream) _state = Next() ^ c;
    }

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A whole number in [0, <paramref name="count"/>).</summary>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    /// <summary>One of the values, each as likely as the others.</summary>
    public T Of<T>(IReadOnlyList<T> values) => values[Below(values.Count)];

    /// <summary>A number in [0, 1) of 53 bits.</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>
    /// Nearly a standard normal number, in [-6, 6]: twelve uniform ones added up. Only additions, so that its bits
    /// do not hang on a machine's logarithm and cosine.
    /// </summary>
    public double Normal()
    {
        double sum = -6;
        for (int i = 0; i < 12; i++) sum += Unit();
        return sum;
    }

    /// <summary>Puts the values into a random order.</summary>
    public void Shuffle<T>(IList<T> values)
    {
        for (int i = values.Count - 1; i > 0; i--)
        {
            int j = Below(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }
}
