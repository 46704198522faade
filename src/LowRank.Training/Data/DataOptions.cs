using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>When tokenised data are kept for the next run.</summary>
public enum DataCache
{
    /// <summary>Where the data are large.</summary>
    Auto,
    /// <summary>Always.</summary>
    On,
    /// <summary>Never: large data go to a temporary file.</summary>
    Off,
}

/// <summary>How data become rows; part of a run's settings.</summary>
/// <param name="Sources">Where they come from.</param>
public sealed record DataOptions(DataSources Sources)
{
    /// <summary>The format's key -> the data's own name for it.</summary>
    public IReadOnlyDictionary<string, string> Columns { get; init; } = new Dictionary<string, string>();
    /// <summary>Keys of rows and of their messages that are left out because the user says so.</summary>
    public IgnoredKeys Ignored { get; init; } = IgnoredKeys.None;
    /// <summary>The format's name in <see cref="RowFormats.Names"/>; null: by the keys of each row.</summary>
    public string? Format { get; init; }
    /// <summary>Tokens a row is cut to; null: none.</summary>
    public int? MaxLength { get; init; }
    /// <summary>Whether a long row loses its beginning, not its end.</summary>
    public bool TruncateLeft { get; init; }
    /// <summary>Whether prompts, and what others than the assistant say, are learnt too.</summary>
    public bool TrainOnInputs { get; init; }
    /// <summary>Whether unusable rows are left out and counted; else they are errors.</summary>
    public bool SkipBadRows { get; init; }
    /// <summary>What chat templates take for today; null: the clock.</summary>
    public DateTime? Date { get; init; }
    /// <summary>When tokenised data are kept.</summary>
    public DataCache Cache { get; init; } = DataCache.Auto;
    /// <summary>How many positions the model has; null: no end is known.</summary>
    public PositionLimit? Positions { get; init; }
    /// <summary>The same of held-out rows.</summary>
    public DataOptions AsHeldOut() => this with { Sources = Sources.AsHeldOut() };
    /// <summary>Whether preference rows are looked at by their chosen answer; training refuses them.</summary>
    internal bool Survey { get; init; }
}
