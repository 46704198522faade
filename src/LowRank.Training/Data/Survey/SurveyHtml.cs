using System.Globalization;
using System.Net;
using System.Text;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Writes a survey as one HTML file with everything inside it, no scripts, light and dark.</summary>
public static class SurveyHtml
{
    private const string Style =
        """
        .bins td,.bins th{padding:3px 16px;border:0}.bins td:first-child{white-space:nowrap;text-align:right;width:1%}.bins td:nth-child(2){text-align:right;width:1%}
        .bar{display:block;height:14px;min-width:1px;background:var(--one);border-radius:2px}.text{margin:0;padding:14px 16px;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.6 ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace}
        .text mark{background:color-mix(in srgb,var(--one) 24%,transparent);color:inherit;border-bottom:2px solid var(--one)}.sample{padding:0}.sample h3{margin:0;padding:10px 16px;font-size:13px;font-weight:500;color:var(--soft);border-bottom:1px solid var(--hair);overflow-wrap:anywhere}
        .errors li{margin:4px 0;overflow-wrap:anywhere}.legend-line mark{background:color-mix(in srgb,var(--one) 24%,transparent);color:inherit;border-bottom:2px solid var(--one)}caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
        """;

    /// <summary>Writes the page; an existing one is replaced in one step.</summary>
    /// <param name="path">Where.</param>
    /// <param name="survey">What was found.</param>
    /// <param name="unit">What is counted: tokens or characters.</param>
    /// <exception cref="BadInputException">The place cannot be written.</exception>
    public static void Write(string path, DataSurvey survey, string unit) => AtomicFile.WriteText(path, Render(survey, unit));

    /// <summary>The page as HTML text; everything that came from the data is escaped.</summary>
    public static string Render(DataSurvey survey, string unit)
    {
        var html = new StringBuilder();
        html.Append(PageHead.Text);
        html.Append($"<title>{E(survey.Options.Sources.ToString())} · data</title><style>\n{ReportHtml.Style}\n{Style}\n</style></head><body><main>\n");
        html.Append($"<h1>{E(survey.Options.Sources.ToString())}</h1><p>What training will see · {E(string.Join(", ", survey.Formats.Select(f => f.Key)))}</p>\n");
        html.Append("<div class=\"tiles\">").AppendJoin("", Tiles(survey, unit).Select(t => $"<div class=\"tile\"><span>{E(t.Name)}</span><b>{E(t.Value)}</b><span>{E(t.Note)}</span></div>")).Append("</div>\n");
        if (survey.Errors.Count > 0) html.Append("<h2>What is wrong</h2><ul class=\"errors\">").AppendJoin("", survey.Errors.Select(e => $"<li>{Numbers.Count(e.Rows)} rows: {E(e.Error.Message)}</li>")).Append("</ul>\n");
        if (survey.Rows > 0) html.Append($"<h2>Lengths in {unit}</h2>").Append(Bins(survey, unit)).Append('\n');
        if (survey.Samples.Count > 0) html.Append("<h2>Rows as they are learnt</h2><p class=\"legend-line\"><mark>Marked</mark>: learnt. The rest is read only.</p>").AppendJoin("", survey.Samples.Select(s => Sample(s, unit))).Append('\n');
        return html.Append("</main></body></html>\n").ToString();
    }

    private static IEnumerable<(string Name, string Value, string Note)> Tiles(DataSurvey survey, string unit)
    {
        yield return ("Rows", Numbers.Count(survey.Rows), survey.Options.Sources.Weighted ? $"{Numbers.Count(survey.Sources.Sum(s => s.EpochRows))} an epoch" : string.Join(", ", survey.Formats.Select(f => $"{Numbers.Count(f.Value)} {f.Key}")));
        yield return (char.ToUpperInvariant(unit[0]) + unit[1..], Numbers.Count(survey.Tokens), survey.Tokens == 0 ? "" : $"{Numbers.Real(100.0 * survey.TargetTokens / survey.Tokens)} % of them learnt");
        yield return ("Longest row", Numbers.Count(survey.Lengths.Most), $"half up to {Numbers.Count(survey.Lengths.Quantile(0.5))}, 95 % up to {Numbers.Count(survey.Lengths.Quantile(0.95))}");
        yield return ("Truncated rows", Numbers.Count(survey.TruncatedRows), survey.Options.MaxLength is { } limit ? $"beyond {Numbers.Count(limit)} {unit}" : "no limit");
        yield return ("Unusable rows", Numbers.Count(survey.BadRows), $"{Numbers.Count(survey.RowsWithoutTargets)} without targets, {Numbers.Count(survey.RowsCutToNothing)} without targets once cut");
        yield return ("Duplicates", (survey.DuplicatesExact ? "" : "about ") + Numbers.Count(survey.Duplicates), $"equal {unit}");
        if (survey.OverlapRows is { } overlap) yield return ("Held-out rows in training", (survey.OverlapExact ? "" : "about ") + Numbers.Count(overlap), $"of {Numbers.Count(survey.EvalRows!.Value)}");
    }

    private static string Bins(DataSurvey survey, string unit)
    {
        var bins = survey.Lengths.Bins();
        double most = bins.Max(b => b.Rows);
        return $"<div class=\"card\"><table class=\"bins\"><caption>Rows by length</caption><tr><th scope=\"col\">{unit}</th><th scope=\"col\">rows</th><th></th></tr>"
            + string.Concat(bins.Select(b => $"<tr><td>{b.From}{(b.To > b.From ? $" to {b.To}" : "")}</td><td>{b.Rows}</td><td><span class=\"bar\" aria-hidden=\"true\" style=\"width:{(100 * b.Rows / most).ToString("0.#", CultureInfo.InvariantCulture)}%\"></span></td></tr>"))
            + "</table></div>";
    }

    private static string Sample(SampleText sample, string unit)
        => $"<section class=\"card sample\"><h3>{E(sample.Place)} · {E(sample.Format)} · {sample.Length} {unit}{(sample.FullLength > sample.Length ? $" of {sample.FullLength}" : "")}</h3><p class=\"text\">"
            + string.Concat(sample.Parts.Select(p => p.Trained ? $"<mark>{E(p.Text)}</mark>" : E(p.Text))) + "</p></section>";

    private static string E(string text) => WebUtility.HtmlEncode(text);
}
