namespace LowRank.Training;

/// <summary>What a run's step is expected to take, and how it will be computed.</summary>
public sealed record RunPlan
{
    /// <summary>How the step is computed: `fast` (by hand) or `autograd`.</summary>
    public required string Path { get; init; }
    /// <summary>Bytes by part; together the process's peak.</summary>
    public required IReadOnlyList<(string Part, long Bytes)> Memory { get; init; }
    /// <summary>Seconds of a step by part; empty where no rates were given.</summary>
    public IReadOnlyList<(string Part, double Seconds)> Time { get; init; } = [];
    /// <summary>Tokens that go through the model at once.</summary>
    public required int SliceTokens { get; init; }
    /// <summary>Blocks of the model that are differentiated.</summary>
    public required int Blocks { get; init; }
    /// <summary>Of these, the ones whose activations are kept; the others are run again in the backward pass.</summary>
    public required int KeptBlocks { get; init; }
    /// <summary>The limit that it was made for; null: none.</summary>
    public long? Limit { get; init; }
    /// <summary>The least that the process could do with, by smaller slices and recomputation alone.</summary>
    public required long SmallestBytes { get; init; }

    /// <summary>The process's peak memory, bytes.</summary>
    public long PeakBytes => Memory.Sum(m => m.Bytes);
    /// <summary>Seconds of a step.</summary>
    public double StepSeconds => Time.Sum(t => t.Seconds);

    /// <summary>The choices in one line.</summary>
    public string Describe()
        => $"{SliceTokens:n0} tokens at once, {(KeptBlocks == Blocks ? $"all {Blocks} blocks kept" : $"{KeptBlocks} of {Blocks} blocks kept, {Blocks - KeptBlocks} run again")}, expected peak {Tensors.ByteSize.Show(PeakBytes)}";
}
