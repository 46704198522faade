namespace LowRank.Training;

/// <summary>What became of rows while they were read.</summary>
public sealed class RowTally
{
    /// <summary>Those that were left out as unusable.</summary>
    public long Skipped { get; set; }
    /// <summary>Those that were cut to max_length.</summary>
    public long Cut { get; set; }
}
