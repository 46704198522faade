namespace LowRank.Models;

/// <summary>How rotary frequencies are stretched beyond the trained length.</summary>
public enum RopeKind
{
    /// <summary>Not at all.</summary>
    Default,
    /// <summary>All frequencies divided by the factor.</summary>
    Linear,
    /// <summary>The base grows with the sequence ("NTK").</summary>
    Dynamic,
    /// <summary>Low frequencies divided, high ones kept, a ramp between (arXiv 2309.00071).</summary>
    Yarn,
    /// <summary>Llama 3.1's version of the same idea.</summary>
    Llama3,
    /// <summary>A factor per frequency, one list for short and one for long sequences (Phi-3).</summary>
    LongRope,
}

/// <summary>Rotary position embedding of some layers.</summary>
public sealed record RopeSpec
{
    /// <summary>The kind of stretching.</summary>
    public RopeKind Kind { get; init; }
    /// <summary>The base of the frequencies.</summary>
    public required double Theta { get; init; }
    /// <summary>The dimension that the frequencies are spread over: the rotated share of a head.</summary>
    public required int Size { get; init; }
    /// <summary>Leading dimensions of a head that are rotated: <see cref="Size"/>, rounded up to even.</summary>
    public int Rotated => Pairs * 2;
    /// <summary>Frequencies.</summary>
    public int Pairs => (Size + 1) / 2;
    /// <summary>The stretching factor.</summary>
    public double Factor { get; init; } = 1;
    /// <summary>Positions the model was trained with: `original_max_position_embeddings`, or `max_position_embeddings` where that is absent.</summary>
    public int TrainedPositions { get; init; }
    /// <summary>What cosines and sines are multiplied with.</summary>
    public double AttentionFactor { get; init; } = 1;
    /// <summary>Yarn: rotations over the trained length above which a frequency is kept.</summary>
    public double BetaFast { get; init; } = 32;
    /// <summary>Yarn: rotations below which a frequency is divided.</summary>
    public double BetaSlow { get; init; } = 1;
    /// <summary>Yarn: whether the ramp's ends are rounded to whole dimensions.</summary>
    public bool Truncate { get; init; } = true;
    /// <summary>Llama3: wavelengths longer than trained / this are divided.</summary>
    public double LowFrequencyFactor { get; init; } = 1;
    /// <summary>Llama3: wavelengths shorter than trained / this are kept.</summary>
    public double HighFrequencyFactor { get; init; } = 4;
    /// <summary>LongRope: factors up to the trained length, Pairs of them.</summary>
    public IReadOnlyList<float> ShortFactors { get; init; } = [];
    /// <summary>LongRope: factors beyond it.</summary>
    public IReadOnlyList<float> LongFactors { get; init; } = [];

    /// <summary>Whether the frequencies depend on the sequence's length.</summary>
    public bool DependsOnLength => Kind is RopeKind.Dynamic or RopeKind.LongRope;

    /// <summary>Whether another one turns alike, its lists compared by what they hold.</summary>
    internal bool SameAs(RopeSpec other)
        => other with { ShortFactors = ShortFactors, LongFactors = LongFactors } == this && ShortFactors.SequenceEqual(other.ShortFactors) && LongFactors.SequenceEqual(other.LongFactors);
}
