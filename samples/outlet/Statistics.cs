namespace Outlet;

/// <summary>How long the rows are in tokens: what a training step costs.</summary>
public static class Statistics
{
    /// <summary>A line a file: rows, and the mean and the largest number of tokens of prompts and of completions with their end token.</summary>
    public static void Print(IReadOnlyDictionary<string, IReadOnlyList<Row>> files, BpeVocabulary vocabulary, TextWriter to)
    {
        foreach (var (name, rows) in files)
        {
            var prompts = rows.Select(r => vocabulary.Encode(r.Prompt).Count).ToList();
            var completions = rows.Select(r => vocabulary.Encode(r.Continuation).Count + 1).ToList();
            to.WriteLine(FormattableString.Invariant(
                $"{name,-28}{rows.Count,7} rows   prompt {prompts.Average():0.0} (max {prompts.Max()})   completion {completions.Average():0.0} (max {completions.Max()})"));
        }
    }
}
