namespace LowRank.Training;

/// <summary>Data, read and tokenised: the rows and what tells them apart from changed ones.</summary>
/// <param name="Path">The file, folder or several of them.</param>
/// <param name="Rows">The rows, at least one.</param>
/// <param name="Fingerprint">SHA-256 of the data's bytes.</param>
public sealed record RowSet(string Path, IReadOnlyList<Row> Rows, string Fingerprint)
{
    private const int EvaluationBatchTokens = 4096;
    /// <summary>Tokens of an evaluation's batch on the CPU, where larger ones take memory and no less time.</summary>
    internal const int SmallEvaluationBatch = 1024;
    // libtorch compiles products for each number of tokens that it meets and keeps them. `lowrank train --set max_steps=2` of SmolLM2-135M
    // (Q4_1) on gsm8k with 200 held-out rows, in bfloat16 on two cores, twice: evaluation took 48 and 56 s with as many tokens as the rows
    // have, the peak was 1.19 and 1.26 GB; in multiples of 128 45 and 44 s, 1.14 and 1.18 GB.
    private const int EvaluationMultiple = 128;
    private const long LargeBytes = 64 << 20;
    private const long TimesOfFile = 6, MostHeld = 256 << 20; // ids and labels of four bytes, texts of two a letter
    private const string NoTokenizer = "rows of ids only";

    /// <summary>What became of the rows while they were read.</summary>
    public RowTally Tally { get; init; } = new();

    /// <summary>What a person should know of them: which files of a folder were taken, what was left out, which rows are beyond the model's
    /// positions.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>About what the rows take of memory; rows of large data lie on disk.</summary>
    public long HeldBytes { get; init; }

    /// <summary>About what the rows of files will take of memory, by the files' sizes.</summary>
    /// <param name="sources">The files; null: none.</param>
    public static long ForeseenBytes(DataSources? sources)
        => sources is not null && RowReader.Bytes(sources) is <= LargeBytes and var bytes ? Math.Min(TimesOfFile * bytes, MostHeld) : 0;

    /// <summary>Reads a file or folder.</summary>
    /// <param name="path">Of any kind that is read.</param>
    /// <param name="vocabularySize">The model's.</param>
    /// <param name="encoder">The tokenizer; null: rows of ids only.</param>
    /// <param name="maxLength">Tokens a row is cut to; null: none.</param>
    /// <exception cref="Tensors.BadInputException">Every mistake in it, with its line.</exception>
    public static RowSet Load(string path, int vocabularySize, TokenEncoder? encoder, int? maxLength)
        => Load(new DataOptions(path) { MaxLength = maxLength }, vocabularySize, encoder);

    /// <summary>Reads data: few rows into memory, many into a store of tokenised rows, which is found again where nothing that they follow from has changed.</summary>
    /// <param name="options">What and how.</param>
    /// <param name="vocabularySize">The model's.</param>
    /// <param name="encoder">The tokenizer; null: rows of ids only.</param>
    /// <param name="seed">What the choice of rows of weighted sources follows from.</param>
    /// <param name="stop">Ends the reading.</param>
    /// <exception cref="Tensors.BadInputException">Every mistake in the data, with its line.</exception>
    public static RowSet Load(DataOptions options, int vocabularySize, TokenEncoder? encoder, long seed = 0, CancellationToken stop = default)
    {
        string fingerprint = RowReader.Fingerprint(options.Sources);
        string? identity = encoder is null ? NoTokenizer : encoder.Identity;
        bool keep = identity is not null && (options.Cache == DataCache.On || (options.Cache == DataCache.Auto && RowReader.Bytes(options.Sources) > LargeBytes));
        string? key = keep ? TokenCache.Key(options, fingerprint, identity!, vocabularySize) : null;
        List<string> notes = [.. options.Sources.Notes];
        var (rows, counts, tally) = key is not null && TokenCache.Find(key) is { } found ? (found, found.Counts, found.Tally)
            : Read(options, vocabularySize, encoder, key, stop);
        notes.AddRange(tally.LeftOut);
        if (options.Positions?.Note(rows) is { } beyond) notes.Add(beyond);
        IRowList list = options.Sources.Weighted ? new WeightedRows(rows, counts, [.. options.Sources.Select(s => s.Weight)], (ulong)seed) : rows;
        return new RowSet(options.Sources.ToString(), list, fingerprint)
        {
            Tally = tally, Notes = notes, HeldBytes = (rows as MemoryRows)?.Bytes ?? 0,
        };
    }

    private static (IRowList, IReadOnlyList<int>, RowTally) Read(DataOptions options, int vocabularySize, TokenEncoder? encoder,
        string? key, CancellationToken stop)
    {
        using var collector = new RowCollector(options.Sources.Count, toFolder: key is not null);
        foreach (var (source, row) in RowReader.Read(options, vocabularySize, encoder, collector.Tally, stop)) collector.Add(source, row);
        return collector.Finish(key);
    }

    /// <summary>All rows in batches for evaluation: like lengths together, about as many tokens in each, filled up to a round number of
    /// them.</summary>
    /// <param name="tokens">Tokens of a batch at most, unless a single row has more.</param>
    public IEnumerable<Batch> ForEvaluation(int tokens = EvaluationBatchTokens)
        => EvaluationBatches.ByLength(Rows, tokens, EvaluationMultiple).Select(b => b.Batch);

    /// <summary>The distinct prompts with all their completions, in the order of first appearance; rows that are no prompt with a completion are left out.</summary>
    /// <param name="rows">Only the first so many rows are looked at.</param>
    public IReadOnlyList<PromptReferences> Prompts(int rows = int.MaxValue)
        => [.. PromptGroup.Of(Rows.Take(rows).Where(r => r.Prompt is not null)).Select(g => new PromptReferences(g.Rows[0].Prompt!, g.PromptIds, [.. g.Rows.Select(r => r.Completion!)]))];
}

/// <summary>A prompt and the texts that would be right.</summary>
/// <param name="Prompt">Its text.</param>
/// <param name="PromptIds">Its tokens.</param>
/// <param name="References">At least one completion.</param>
public sealed record PromptReferences(string Prompt, int[] PromptIds, IReadOnlyList<string> References);
