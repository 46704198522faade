using System.Net;
using System.Text;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Writes a run's report: one HTML file with everything inside it, no scripts, light and dark.</summary>
public static class ReportHtml
{
    internal const string Style =
        """
        :root{color-scheme:light dark;--page:#f7f7f4;--card:#fff;--ink:#16181d;--soft:#5b616e;--hair:#e3e3dd;--one:#2a6fd0;--two:#d9602b}
        @media(prefers-color-scheme:dark){:root{--page:#121316;--card:#1b1d22;--ink:#eceef2;--soft:#9ba2b0;--hair:#30333b;--one:#6aa5f5;--two:#f08a58}}
        *{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:40px 24px 64px}h1{font-size:26px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:36px 0 12px}
        p{margin:0;color:var(--soft)}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:12px;margin-top:24px}
        .tile,figure,.card{background:var(--card);border:1px solid var(--hair);border-radius:10px}.tile{padding:14px 16px}.tile span{display:block;color:var(--soft);font-size:13px}
        .tile b{display:block;font-size:21px;line-height:1.4;font-weight:600;white-space:nowrap}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:12px}
        figure{margin:0;padding:14px 14px 8px}figcaption{display:flex;gap:8px;align-items:baseline;font-size:14px;padding:0 4px 6px}figcaption span{color:var(--soft);font-size:13px}
        .legend{margin-left:auto;display:flex;gap:14px}.legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle}
        svg{display:block;width:100%;height:auto}.tick{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}.grid{stroke:var(--hair)}.axis{stroke:var(--soft);opacity:.6}
        .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.line.one{stroke:var(--one)}.line.two{stroke:var(--two)}.line.raw{stroke:var(--one);stroke-width:1;opacity:.3}
        .dot{stroke:var(--card);stroke-width:2}.dot.one,.dot.raw{fill:var(--one)}.dot.two{fill:var(--two)}i.one{background:var(--one)}i.two{background:var(--two)}i.raw{background:var(--one);opacity:.35}
        .card{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:8px 16px;text-align:left;vertical-align:top;border-top:1px solid var(--hair)}
        tr:first-child>*{border-top:0}th{color:var(--soft);font-weight:500;white-space:nowrap}.settings th{width:280px}
        .settings td{font-family:ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace;font-size:13px;overflow-wrap:anywhere}.sample{padding:14px 16px;margin-bottom:12px}.sample dl{display:grid;grid-template-columns:84px 1fr;gap:6px 12px;margin:0}
        dt{color:var(--soft);font-size:13px;padding-top:1px}dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}dd.after{font-weight:600}
        """;

    /// <summary>Writes the report; an existing one is replaced in one step.</summary>
    /// <exception cref="BadInputException">The place cannot be written.</exception>
    public static void Write(string path, ReportData data) => AtomicFile.WriteText(path, Render(data));

    /// <summary>The report as HTML text; everything that came from the run is escaped.</summary>
    public static string Render(ReportData data)
    {
        var html = new StringBuilder();
        html.Append(PageHead.Text);
        html.Append($"<title>{E(data.Title)} · training report</title><style>\n{Style}\n</style></head><body><main>\n");
        html.Append($"<h1>{E(data.Title)}</h1><p>Training report{(data.Note is { } note ? " · " + E(note) : "")}</p>\n");
        html.Append("<div class=\"tiles\">").AppendJoin("", Tiles(data).Select(t => $"<div class=\"tile\"><span>{E(t.Name)}</span><b>{E(t.Value)}</b><span>{E(t.Note)}</span></div>")).Append("</div>\n");
        if (data.Steps.Count + data.Evaluations.Count > 0) html.Append("<h2>Curves</h2><div class=\"charts\">").Append(Charts(data)).Append("</div>\n");
        if (data.Samples.Count > 0) html.Append("<h2>Before and after</h2>").AppendJoin("", data.Samples.Select(Sample)).Append('\n');
        if (data.Settings.Count > 0)
            html.Append("<h2>Settings</h2>").Append(SettingsTable(data.Settings)).Append('\n');
        return html.Append("</main></body></html>\n").ToString();
    }

    private static IEnumerable<(string Name, string Value, string Note)> Tiles(ReportData data)
    {
        if (data.Steps.Count > 0)
        {
            yield return ("Steps", Numbers.Count(data.Steps[^1].Step), "");
            yield return ("Last loss", Numbers.Real(data.Steps[^1].Loss), "");
        }
        if (data.Evaluations.MinBy(e => e.Loss) is { } best) yield return ("Best held-out loss", Numbers.Real(best.Loss), $"at step {Numbers.Count(best.Step)}");
        if (data.TrainableParameters is { } trained)
            yield return ("Trained parameters", Numbers.Count(trained), data.TotalParameters is { } total and > 0 ? $"{Numbers.Real(100.0 * trained / total)} % of {Numbers.Count(total)}" : "");
        if (data.AdapterBytes is { } bytes) yield return ("Adapter file", Numbers.Bytes(bytes), "");
        if (data.Seconds is { } seconds) yield return ("Time", Numbers.Time(seconds), "");
        if (data.Tokens is { } tokens) yield return ("Tokens", Numbers.Count(tokens), data.TokensPerSecond is { } speed ? $"{Numbers.Count(speed)} per second" : "");
        if (data.PeakMemory is { } memory)
            yield return (data.PeakIsOfProcess ? "Peak memory, reading included" : "Peak memory while training", Numbers.Bytes(memory),
                data.PlannedMemory is not { } planned ? "" : $"{Numbers.Bytes(planned)} planned{(data.MemoryLimit is { } limit ? $", limit {Numbers.Bytes(limit)}" : "")}");
    }

    private static string Charts(ReportData data)
    {
        List<(double, double)> Of(Func<ReportStep, double> value) => [.. data.Steps.Select(s => ((double)s.Step, value(s)))];
        var speed = Of(s => s.TokensPerSecond ?? double.NaN);
        var heldOut = new Series("held-out", "two", [.. data.Evaluations.Select(e => ((double)e.Step, e.Loss))], Dots: data.Evaluations.Count <= 60);
        return LineChart.Draw("Loss", "nats per target token", [.. Smoothed("training", Of(s => s.Loss)), heldOut])
            + LineChart.Draw("Learning rate", "", [new Series("", "one", Of(s => s.LearningRate))], fromZero: true)
            + LineChart.Draw("Gradient norm", "before clipping", Smoothed("each step", Of(s => s.GradientNorm)), fromZero: true)
            + LineChart.Draw("Speed", "tokens per second", Smoothed("each step", speed), fromZero: true);
    }

    /// <summary>A short curve as it is; a long one faint, with its running mean before it.</summary>
    private static Series[] Smoothed(string name, List<(double, double)> points) => points.Count <= 40
        ? [new Series(name, "one", points)]
        : [new Series("each step", "raw", points), new Series("mean", "one", Mean(points, Math.Max(5, points.Count / 40)))];

    /// <summary>The mean of the last <paramref name="window"/> finite values at each step.</summary>
    private static List<(double, double)> Mean(List<(double X, double Y)> points, int window)
        => [.. points.Select((p, i) => (p.X, points[Math.Max(0, i - window + 1)..(i + 1)].Select(q => q.Y).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average()))];

    private static string Sample(ReportSample sample)
    {
        string Row(string name, string? text, string style = "") => text is null ? "" : $"<dt>{name}</dt><dd{style}>{E(text)}</dd>";
        return "<div class=\"card sample\"><dl>" + Row("Prompt", sample.Prompt) + Row("Before", sample.Before) + Row("After", sample.After, " class=\"after\"") + Row("Reference", sample.Reference) + "</dl></div>";
    }

    private static string SettingsTable(IReadOnlyList<(string Name, string Value)> settings)
        => "<div class=\"card\"><table class=\"settings\">" + string.Concat(settings.Select(s => $"<tr><th>{E(s.Name)}</th><td>{E(s.Value)}</td></tr>")) + "</table></div>";

    private static string E(string text) => WebUtility.HtmlEncode(text);
}
