using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Inverse frequencies of a <see cref="RopeSpec"/>, in float32 as the reference computes them.</summary>
public static class RopeFrequencies
{
    /// <summary>[Pairs] inverse frequencies for a sequence of <paramref name="length"/> tokens (which matters for dynamic and longrope only).</summary>
    public static float[] Of(RopeSpec rope, long length) => (rope ?? throw new ArgumentNullException(nameof(rope))).Kind switch
    {
        RopeKind.Default => Plain(rope.Theta, rope.Size),
        RopeKind.Linear => [.. Plain(rope.Theta, rope.Size).Select(f => f / (float)rope.Factor)],
        RopeKind.Dynamic => Plain(DynamicTheta(rope, length), rope.Size),
        RopeKind.Yarn => Yarn(rope),
        RopeKind.Llama3 => [.. Plain(rope.Theta, rope.Size).Select(f => Llama3(rope, f))],
        RopeKind.LongRope => Long(rope, length > rope.TrainedPositions ? rope.LongFactors : rope.ShortFactors),
        _ => throw new ArgumentOutOfRangeException(nameof(rope)),
    };

    /// <summary>Cosines and sines [length, Pairs] of positions 0 .. <paramref name="length"/> - 1 of a sequence that long, times the spec's factor.</summary>
    public static (float[] Cosines, float[] Sines) Table(RopeSpec rope, int length)
    {
        ArgumentNullException.ThrowIfNull(rope);
        float[] frequencies = Of(rope, length), cos = new float[length * rope.Pairs], sin = new float[length * rope.Pairs];
        for (int t = 0; t < length; t++)
            for (int i = 0; i < rope.Pairs; i++)
            {
                float angle = t * frequencies[i]; // in float32, as the reference has it
                (cos[t * rope.Pairs + i], sin[t * rope.Pairs + i]) = ((float)(Math.Cos(angle) * rope.AttentionFactor), (float)(Math.Sin(angle) * rope.AttentionFactor));
            }
        return (cos, sin);
    }

    // base^(2i/size)
    private static float[] Powers(double theta, int size)
    {
        using var scope = NewDisposeScope();
        float[] exponents = [.. Enumerable.Range(0, (size + 1) / 2).Select(i => 2f * i / size)];
        return pow(tensor((float)theta), tensor(exponents)).data<float>().ToArray();
    }

    private static float[] Plain(double theta, int size) => [.. Powers(theta, size).Select(p => 1f / p)];

    private static double DynamicTheta(RopeSpec rope, long length)
        => rope.Theta * Math.Pow(rope.Factor * Math.Max(length, rope.TrainedPositions) / rope.TrainedPositions - (rope.Factor - 1), rope.Size / (rope.Size - 2.0));

    private static float Llama3(RopeSpec rope, float frequency)
    {
        double wavelength = 2 * Math.PI / frequency, trained = rope.TrainedPositions;
        if (wavelength < trained / rope.HighFrequencyFactor) return frequency;
        if (wavelength > trained / rope.LowFrequencyFactor) return (float)(frequency / rope.Factor);
        double smooth = (trained / wavelength - rope.LowFrequencyFactor) / (rope.HighFrequencyFactor - rope.LowFrequencyFactor);
        return (float)((1 - smooth) * frequency / rope.Factor + smooth * frequency);
    }

    private static float[] Yarn(RopeSpec rope)
    {
        double Dimension(double rotations) => rope.Size * Math.Log(rope.TrainedPositions / (rotations * 2 * Math.PI)) / (2 * Math.Log(rope.Theta));
        double low = Dimension(rope.BetaFast), high = Dimension(rope.BetaSlow);
        if (rope.Truncate) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        low = Math.Max(low, 0);
        high = Math.Min(high, rope.Size - 1);
        if (low == high) high += 0.001; // the reference's own guard against dividing by zero
        return [.. Plain(rope.Theta, rope.Size).Select((f, i) =>
        {
            float kept = 1 - (float)Math.Clamp((i - low) / (high - low), 0, 1);
            return f / (float)rope.Factor * (1 - kept) + f * kept;
        })];
    }

    private static float[] Long(RopeSpec rope, IReadOnlyList<float> factors)
        => [.. Powers(rope.Theta, rope.Size).Select((p, i) => 1f / (factors[i] * p))];
}
