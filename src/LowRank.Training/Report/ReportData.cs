namespace LowRank.Training;

/// <summary>One optimizer step, as the run's log has it.</summary>
/// <param name="Step">Counted from 1.</param>
/// <param name="Loss">Mean over the step's target tokens, nats.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="LearningRate">The rate used.</param>
/// <param name="TokensPerSecond">How fast the step went; null where it was not measured.</param>
public sealed record ReportStep(int Step, double Loss, double GradientNorm, double LearningRate, double? TokensPerSecond = null);

/// <summary>One evaluation during the run.</summary>
/// <param name="Step">The steps done before it.</param>
/// <param name="Loss">Mean over the held-out target tokens, nats.</param>
public sealed record ReportEvaluation(int Step, double Loss);

/// <summary>What the model answered before and after training.</summary>
/// <param name="Prompt">The question.</param>
/// <param name="Before">The base's answer; null where it was not asked.</param>
/// <param name="After">The trained model's answer.</param>
/// <param name="Reference">What it should be; null where there is none.</param>
public sealed record ReportSample(string Prompt, string? Before, string After, string? Reference = null);

/// <summary>All that <c>report.html</c> shows of a run; what is null or empty is left out.</summary>
/// <param name="Title">Such as the output folder's name.</param>
/// <param name="Steps">In order.</param>
/// <param name="Settings">Names and values, in the order shown.</param>
public sealed record ReportData(string Title, IReadOnlyList<ReportStep> Steps, IReadOnlyList<(string Name, string Value)> Settings)
{
    /// <summary>In order; may be empty.</summary>
    public IReadOnlyList<ReportEvaluation> Evaluations { get; init; } = [];
    /// <summary>May be empty.</summary>
    public IReadOnlyList<ReportSample> Samples { get; init; } = [];
    /// <summary>How many numbers are trained.</summary>
    public long? TrainableParameters { get; init; }
    /// <summary>How many numbers the model has altogether.</summary>
    public long? TotalParameters { get; init; }
    /// <summary>The adapter folder's weights on disk, bytes.</summary>
    public long? AdapterBytes { get; init; }
    /// <summary>Wall time of training, seconds.</summary>
    public double? Seconds { get; init; }
    /// <summary>Tokens trained on, without padding.</summary>
    public long? Tokens { get; init; }
    /// <summary>Mean over the run.</summary>
    public double? TokensPerSecond { get; init; }
    /// <summary>The most memory that the process held while it trained and evaluated, bytes; that is what a plan foresees.</summary>
    public long? PeakMemory { get; init; }
    /// <summary>Whether that figure holds what came before the first step too, as the system cannot begin it anew.</summary>
    public bool PeakIsOfProcess { get; init; }
    /// <summary>What the plan expected of it, bytes.</summary>
    public long? PlannedMemory { get; init; }
    /// <summary>The setting `memory`, bytes.</summary>
    public long? MemoryLimit { get; init; }
    /// <summary>Which computation ran and why, one sentence.</summary>
    public string? Note { get; init; }
}
