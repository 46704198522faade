using System.Globalization;
using LowRank.Training;

namespace LowRank.Cli;

/// <summary>A survey of data for people.</summary>
internal static class SurveyText
{
    private const int BarWidth = 40, MostShown = 2000;

    /// <summary>Prints it; what is learnt of the samples is coloured, or stands in [[ ]] where there are no colours.</summary>
    public static void Print(DataSurvey survey, string unit, TextWriter output, bool colour)
    {
        void Line(string name, FormattableString value) => output.WriteLine($"{name,-22} {value.ToString(CultureInfo.InvariantCulture)}");
        Line("data", $"{survey.Options.Sources.ToString()}");
        Line("format", $"{string.Join(", ", survey.Formats.Select(f => survey.Formats.Count == 1 ? f.Key : string.Create(CultureInfo.InvariantCulture, $"{f.Key} ({f.Value:n0})")))}");
        Line("rows", $"{survey.Rows:n0}");
        if (survey.Sources.Count > 1)
            foreach (var source in survey.Sources) Line("", $"{source.Source.Path}: {source.Rows:n0} rows, weight {source.Source.Weight}, {source.EpochRows:n0} an epoch");
        Line(unit, $"{survey.Tokens:n0}, {survey.TargetTokens:n0} of them learnt ({(survey.Tokens == 0 ? 0 : 100.0 * survey.TargetTokens / survey.Tokens):0.#} %)");
        Line("longest, mean", $"{survey.Lengths.Most:n0}, {survey.Lengths.Mean:0.#} {unit} a row; half have up to {survey.Lengths.Quantile(0.5):n0}, 95 % up to {survey.Lengths.Quantile(0.95):n0}");
        if (survey.Options.MaxLength is { } limit) Line("truncated rows", $"{survey.TruncatedRows:n0} (max_length {limit:n0}, {(survey.Options.TruncateLeft ? "their beginning" : "their end")} goes)");
        Line("unusable rows", $"{survey.BadRows:n0}{(survey.BadRows == 0 ? "" : survey.Options.SkipBadRows ? ", left out" : "")}; {survey.RowsWithoutTargets:n0} without targets, {survey.RowsCutToNothing:n0} without targets once cut");
        if (survey.Unused.Count > 0) Line("keys not used",
            $"{string.Join(", ", survey.Unused.Select(u => string.Create(CultureInfo.InvariantCulture, $"{Output.Safe(u.Key)} ({u.Value:n0})")))}");
        Line("duplicates", $"{(survey.DuplicatesExact ? "" : "about ")}{survey.Duplicates:n0}");
        if (survey.OverlapRows is { } overlap) Line("held-out rows", $"{survey.EvalRows:n0}, {(survey.OverlapExact ? "" : "about ")}{overlap:n0} of them also in training");
        if (survey.Formats.Any(f => f.Key.EndsWith("preference", StringComparison.Ordinal))) Line("note", $"train refuses preference rows as there is no preference objective yet; shown is the chosen answer");
        foreach (string note in survey.Notes) Line("note", $"{Output.Safe(note)}");
        if (survey.Options.SkipBadRows) foreach (var (error, rows) in survey.Errors) Line("left out", $"{rows:n0} rows: {Output.Safe(error.Message)}");
        Histogram(survey, unit, output);
        foreach (var sample in survey.Samples) Sample(sample, unit, output, colour);
    }

    private static void Histogram(DataSurvey survey, string unit, TextWriter output)
    {
        var bins = survey.Lengths.Bins();
        if (bins.Count == 0) return;
        output.WriteLine($"\n{unit} a row");
        long most = bins.Max(b => b.Rows);
        int width = $"{bins[^1].To}".Length;
        foreach (var (from, to, rows) in bins)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {from.ToString(CultureInfo.InvariantCulture).PadLeft(width)} {(to > from ? $"to {to.ToString(CultureInfo.InvariantCulture).PadLeft(width)}" : "")} {rows,12:n0} {new string('█', (int)Math.Ceiling((double)BarWidth * rows / most))}"));
    }

    private static void Sample(SampleText sample, string unit, TextWriter output, bool colour)
    {
        var (on, off) = colour ? ("\u001b[1;32m", "\u001b[0m") : ("[[", "]]");
        output.WriteLine($"\n{sample.Place}  {sample.Format}, {sample.Length} {unit}{(sample.FullLength > sample.Length ? $" of {sample.FullLength}" : "")}; {(colour ? "green" : "in [[ ]]")}: learnt");
        int left = MostShown;
        foreach (var part in sample.Parts)
        {
            string text = part.Text.Length > left ? part.Text[..left] + " ..." : part.Text;
            output.Write(part.Trained ? on + Output.Safe(text) + off : Output.Safe(text));
            if ((left -= text.Length) <= 0) break;
        }
        output.WriteLine();
    }
}
