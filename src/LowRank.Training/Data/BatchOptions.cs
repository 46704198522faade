namespace LowRank.Training;

/// <summary>How rows become micro-batches.</summary>
/// <param name="BatchSize">Sequences of a micro-batch: rows, or packed sequences of several rows.</param>
/// <param name="Shuffle">Whether each epoch has an order of its own; else the file's.</param>
/// <param name="Seed">What the orders follow from.</param>
public sealed record BatchOptions(int BatchSize, bool Shuffle, ulong Seed)
{
    /// <summary>The id that fills short rows; any of the vocabulary will do.</summary>
    public int PadId { get; init; }
    /// <summary>Lays a micro-batch's rows end to end instead of padding them: the same batches and the same mathematics.</summary>
    public bool PaddingFree { get; init; }
    /// <summary>Tokens of a sequence that several rows share (packing), laid end to end as well; null: a row is a sequence.</summary>
    public int? PackedLength { get; init; }
    /// <summary>Rows of a step, where batches are to hold rows of like length; 0: batches come as they are drawn.</summary>
    public int LengthGroup { get; init; }

    /// <summary>What a run's settings ask for.</summary>
    public static BatchOptions Of(RunSettings settings) => new(settings.BatchSize, settings.Shuffle, (ulong)settings.Seed)
    {
        PaddingFree = settings.PaddingFree,
        PackedLength = settings.Packing ? settings.MaxLength : null,
        LengthGroup = settings.GroupByLength ? (int)Math.Min((long)settings.BatchSize * settings.GradientAccumulationSteps, int.MaxValue) : 0,
    };
}
