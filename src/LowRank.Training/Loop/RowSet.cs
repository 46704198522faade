namespace LowRank.Training;

/// <summary>A data file, read and tokenised: its rows and what tells it apart from a changed one.</summary>
/// <param name="Path">The file.</param>
/// <param name="Rows">Its rows, at least one.</param>
/// <param name="Fingerprint">SHA-256 of its bytes.</param>
public sealed record RowSet(string Path, IReadOnlyList<Row> Rows, string Fingerprint)
{
    private const int EvaluationBatchTokens = 4096;

    /// <summary>Reads a file.</summary>
    /// <param name="path">.jsonl or .json.</param>
    /// <param name="vocabularySize">The model's.</param>
    /// <param name="encoder">The tokenizer; null: rows of ids only.</param>
    /// <param name="maxLength">Tokens a row is cut to; null: none.</param>
    /// <exception cref="Tensors.BadInputException">Every mistake in it, with its line.</exception>
    public static RowSet Load(string path, int vocabularySize, TokenEncoder? encoder, int? maxLength)
        => new(path, [.. RowReader.Read(path, vocabularySize, encoder, maxLength)], RowReader.Fingerprint(path));

    /// <summary>All rows in batches for evaluation: like lengths together, about as many tokens in each, no padding.</summary>
    public IEnumerable<Batch> ForEvaluation() => EvaluationBatches.ByLength(Rows, EvaluationBatchTokens).Select(b => b.Batch);

    /// <summary>The distinct prompts with all their completions, in the order of first appearance; rows that are no prompt with a completion are left out.</summary>
    public IReadOnlyList<PromptReferences> Prompts()
        => [.. PromptGroup.Of(Rows.Where(r => r.Prompt is not null)).Select(g => new PromptReferences(g.Rows[0].Prompt!, g.PromptIds, [.. g.Rows.Select(r => r.Completion!)]))];
}

/// <summary>A prompt and the texts that would be right.</summary>
/// <param name="Prompt">Its text.</param>
/// <param name="PromptIds">Its tokens.</param>
/// <param name="References">At least one completion.</param>
public sealed record PromptReferences(string Prompt, int[] PromptIds, IReadOnlyList<string> References);
