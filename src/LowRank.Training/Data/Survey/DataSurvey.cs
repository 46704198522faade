using LowRank.Tensors;
using LowRank.Text;

namespace LowRank.Training;

/// <summary>What training will see of data: formats, counts, lengths, what is cut and what is wrong, repeats, and some rows as they are learnt. Made in one pass in bounded memory.</summary>
public sealed class DataSurvey
{
    private const int MostErrors = 10;
    private readonly Dictionary<string, long> _formats = [];
    private readonly RowErrors _errors = new(MostErrors);
    private readonly List<SampleText> _samples = [];
    private readonly HashCounts _hashes = new();
    private readonly List<SourceCount> _sources = [];
    private readonly RowTally _tally = new();
    private readonly List<string> _notes = [];
    private BeyondCount _beyond = new();
    private bool _broken; // a file ends in an error, or a source has no row to use: leaving rows out does not help

    private DataSurvey(DataOptions options) => Options = options;

    /// <summary>What was looked at.</summary>
    public DataOptions Options { get; }
    /// <summary>Rows of each format, most first; "unknown" where none was found.</summary>
    public IReadOnlyList<KeyValuePair<string, long>> Formats => [.. _formats.OrderByDescending(f => f.Value)];
    /// <summary>Usable rows of each source, and how many of them an epoch has.</summary>
    public IReadOnlyList<SourceCount> Sources => _sources;
    /// <summary>Rows that are trained on.</summary>
    public long Rows { get; private set; }
    /// <summary>Rows that cannot be used, those without targets among them.</summary>
    public long BadRows { get; private set; }
    /// <summary>Rows without any target.</summary>
    public long RowsWithoutTargets { get; private set; }
    /// <summary>Rows that lose all their targets by being cut.</summary>
    public long RowsCutToNothing { get; private set; }
    /// <summary>What is wrong: the first error of each reason, and how many rows have it; the held-out rows' among them.</summary>
    public IReadOnlyList<(BadInputException Error, long Rows)> Errors => _errors.Reasons;
    /// <summary>Lengths of usable rows, before they are cut.</summary>
    public LengthCounts Lengths { get; } = new();
    /// <summary>Tokens that are trained on, targets or not.</summary>
    public long Tokens { get; private set; }
    /// <summary>Tokens that are learnt.</summary>
    public long TargetTokens { get; private set; }
    /// <summary>Usable rows that are cut.</summary>
    public long TruncatedRows => _tally.Cut;
    /// <summary>Keys of rows that change nothing, and how many rows have each.</summary>
    public IReadOnlyDictionary<string, long> Unused => _tally.Unused;
    /// <summary>Rows that are token for token an earlier one.</summary>
    public long Duplicates => _hashes.Repeats;
    /// <summary>Whether that number is counted; else reckoned from a part.</summary>
    public bool DuplicatesExact => _hashes.Exact;
    /// <summary>Held-out rows; null: none were given.</summary>
    public long? EvalRows { get; private set; }
    /// <summary>Held-out rows that cannot be used.</summary>
    public long EvalBadRows { get; private set; }
    /// <summary>Held-out rows that are among the training rows, token for token.</summary>
    public long? OverlapRows { get; private set; }
    /// <summary>Whether that number is counted.</summary>
    public bool OverlapExact { get; private set; } = true;
    /// <summary>What a person should know of the files and columns that were taken and left out, and of rows beyond the model's
    /// positions.</summary>
    public IReadOnlyList<string> Notes => [.. _notes, .. Options.Positions?.Note(_beyond) is { } beyond ? [beyond] : (string[])[]];
    /// <summary>The first rows, decoded.</summary>
    public IReadOnlyList<SampleText> Samples => _samples;

    /// <summary>Whether training would refuse the data.</summary>
    public bool Refused => _broken || Rows == 0 || (BadRows + EvalBadRows > 0 && !Options.SkipBadRows);

    /// <summary>Goes over the data.</summary>
    /// <param name="options">Which, and how they are read.</param>
    /// <param name="eval">Held-out data, for the overlap; null: none.</param>
    /// <param name="encoder">The tokenizer, or <see cref="CharacterEncoder"/>; null: rows of ids only.</param>
    /// <param name="vocabularySize">Every id must be below it.</param>
    /// <param name="tokenizer">Decodes the samples; null: a token is a character.</param>
    /// <param name="samples">How many.</param>
    /// <param name="stop">Ends it.</param>
    public static DataSurvey Of(DataOptions options, DataOptions? eval, TokenEncoder? encoder, int vocabularySize, Tokenizer? tokenizer, int samples, CancellationToken stop = default)
    {
        DataSurvey survey = new(options);
        survey._notes.AddRange([.. options.Sources.Notes, .. eval?.Sources.Notes ?? []]);
        HashCounts? held = eval is null ? null : survey.Held(eval, encoder, vocabularySize, stop);
        foreach (var source in options.Sources)
        {
            long before = survey.Rows;
            foreach (var outcome in survey.Outcomes(source, options, encoder, vocabularySize, stop))
            {
                survey.Count(outcome);
                if (outcome.Row is null) continue;
                held?.Meet(outcome.Hash);
                if (survey._samples.Count < samples) survey._samples.Add(SampleText.Of(outcome.Row, outcome.Format!, outcome.FullLength, tokenizer));
            }
            long rows = survey.Rows - before;
            survey._sources.Add(new(source, rows, rows == 0 ? 0 : Math.Max(1, (long)Math.Round(source.Weight * rows, MidpointRounding.AwayFromZero))));
        }
        survey._notes.AddRange(options.Ignored.UnmetNotes(options.Sources.ToString()));
        if (held is not null) (survey.OverlapRows, survey.OverlapExact) = (held.Met, held.Exact);
        return survey;
    }

    private IEnumerable<RowOutcome> Outcomes(DataSource source, DataOptions options, TokenEncoder? encoder, int vocabularySize,
        CancellationToken stop)
    {
        var files = DataFile.Of(source);
        var maker = new RowMaker(options with { Survey = true }, encoder, vocabularySize);
        bool any = false, usable = false;
        foreach (var outcome in maker.Make(files.SelectMany(f => f.Rows()), stop))
        {
            (any, usable) = (true, usable || outcome.Row is not null);
            _broken |= outcome.Raw.File is null;
            yield return outcome;
        }
        _notes.AddRange(DataFile.LeftOutNotes(files));
        _broken |= !usable;
        if (!any) _errors.Add(RowReader.NoRows(source));
    }

    private HashCounts Held(DataOptions options, TokenEncoder? encoder, int vocabularySize, CancellationToken stop)
    {
        HashCounts hashes = new();
        EvalRows = 0;
        foreach (var outcome in options.Sources.SelectMany(s => Outcomes(s, options, encoder, vocabularySize, stop)))
            if (outcome.Row is not null)
            {
                hashes.Add(outcome.Hash);
                EvalRows++;
            }
            else
            {
                EvalBadRows++;
                _errors.Add(outcome.Error!);
            }
        _notes.AddRange(options.Ignored.UnmetNotes(options.Sources.ToString()));
        return hashes;
    }

    private void Count(RowOutcome outcome)
    {
        if (outcome.Raw.File is not null) _formats[outcome.Format ?? "unknown"] = _formats.GetValueOrDefault(outcome.Format ?? "unknown") + 1;
        if (outcome.Row is not { } row)
        {
            BadRows++;
            if (outcome.Fault == RowFault.NoTarget) RowsWithoutTargets++;
            if (outcome.Fault == RowFault.NoTargetLeft) RowsCutToNothing++;
            _errors.Add(outcome.Error!);
            return;
        }
        Rows++;
        Options.Positions?.Count(ref _beyond, row.InputIds.Length, row.Place);
        Lengths.Add(outcome.FullLength);
        Tokens += row.InputIds.Length;
        TargetTokens += row.TargetCount;
        _tally.Add(outcome);
        _hashes.Add(outcome.Hash);
    }
}

/// <summary>How much comes of a source.</summary>
/// <param name="Source">The source.</param>
/// <param name="Rows">Its usable rows.</param>
/// <param name="EpochRows">How many of them, weighted, an epoch has.</param>
public sealed record SourceCount(DataSource Source, long Rows, long EpochRows);
