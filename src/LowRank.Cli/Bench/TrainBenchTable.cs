using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace LowRank.Cli.Bench;

/// <summary>The figures of `bench train` for people: a table on a terminal, plain lines where standard output is redirected.</summary>
internal static class TrainBenchTable
{
    /// <summary>Prints them to standard output.</summary>
    public static void Show(JsonObject report)
    {
        double Of(string key) => (double)report[key]!;
        Line($"{report["processor"]}, {report["threads"]} threads, {report["dtype"]}");
        Line(FormattableString.Invariant($"matrix product 2048 x 2048 x 2048 in {report["ceiling_dtype"]}: {Of("ceiling_gflops"):0} GFLOP/s (before {Of("ceiling_before_gflops"):0}, after {Of("ceiling_after_gflops"):0}); memory {Of("bandwidth_gb_per_s"):0.0} GB/s"));
        List<(string Name, JsonObject Figures)> modes = [.. TrainBench.Modes.Where(m => report[m] is not null).Select(m => (m, (JsonObject)report[m]!))];
        var measured = modes.Where(m => m.Figures["tokens_per_second"] is not null).ToList();
        if (measured.Count > 0)
            Line(FormattableString.Invariant($"{report["shape"] ?? report["model"]}: {(long)measured[0].Figures["parameters"]! / 1e6:0.0} M parameters, {report["batch"]} x {report["length"]} tokens, rank {report["rank"]} on all linear layers, best of {report["steps"]} steps after the first"));
        List<string[]> rows = [["", .. measured.Select(m => m.Name)]];
        void Row(string name, Func<JsonObject, FormattableString> text) => rows.Add([name, .. measured.Select(m => text(m.Figures).ToString(CultureInfo.InvariantCulture))]);
        Row("tokens/s", f => $"{(double)f["tokens_per_second"]!:0}");
        Row("seconds a step", f => $"{(double)f["step_seconds"]!:0.000}");
        Row("the first step", f => $"{(double)f["first_step_seconds"]!:0.000}");
        Row("share of the product", f => $"{(double)f["share_of_ceiling"]! * 100:0.0} %");
        if (measured.Any(m => m.Figures["share_outside_products"] is not null))
            Row("outside products", f => f["share_outside_products"] is { } share ? (FormattableString)$"{(double)share * 100:0.0} %" : $"-");
        Row("peak memory, process", f => $"{Output.Bytes(f["peak_bytes"])}");
        Row("path", f => $"{(string)f["path"]!}");
        foreach (string part in measured.SelectMany(m => m.Figures["parts"]!.AsObject().Select(p => p.Key)).Distinct().OrderBy(p => p == "other"))
            Row("  " + part, f => f["parts"]![part] is { } seconds ? (FormattableString)$"{(double)seconds:0.000} s" : $"-");
        if (measured.Count > 0) Show(rows);
        foreach (var (name, figures) in modes) Line($"{name}: {(figures["reason"] is { } reason ? "not available: " + reason : $"path {figures["path"]}: {figures["path_reason"]}")}");
    }

    private static void Show(List<string[]> rows)
    {
        if (Console.IsOutputRedirected)
        {
            foreach (string[] row in rows) Line(row[0].PadRight(22) + string.Concat(row.Skip(1).Select(c => c.PadLeft(14))));
            return;
        }
        var table = new Table().Border(TableBorder.Rounded);
        table.AddColumn("");
        foreach (string name in rows[0].Skip(1)) table.AddColumn(new TableColumn(Markup.Escape(name)).RightAligned());
        foreach (string[] row in rows.Skip(1)) table.AddRow([.. row.Select(Markup.Escape)]);
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) }).Write(table);
    }

    private static void Line(string text) => Console.Out.WriteLine(text);
}
