using System.Xml.Linq;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

public class ReportTests
{
    private static ReportData Example(int steps) => new("e2e-rank8 <&\"'>",
        [.. Enumerable.Range(1, steps).Select(i => new ReportStep(i, 1 + 2 * Math.Exp(-i / 60.0) + 0.2 * Math.Sin(i * 7.3), 0.4 + 0.3 * Math.Abs(Math.Sin(i * 3.1)), 2e-4 * (1 - i / (double)steps), 1600 + 90 * Math.Sin(i * 1.7)))],
        [("model", "models/<script>alert(1)</script>"), ("learning_rate", "2.0e-4"), ("batch_size", "8"), ("adapter.r", "8"), ("lr_scheduler_type", "linear"), ("max_grad_norm", "1.0")])
    {
        Evaluations = [.. Enumerable.Range(0, 7).Select(i => new ReportEvaluation(i * steps / 6, 1.1 + 1.9 * Math.Exp(-i)))],
        Samples = [new("name : <b>Blue Spice</b>", "I am a model & <i>", "Blue Spice is a café.", "Blue Spice is a coffee shop."), new("near : x", null, "y")],
        TrainableParameters = 921_600, TotalParameters = 135_436_608, AdapterBytes = 3_702_000, Seconds = 754, Tokens = 1_234_567, TokensPerSecond = 1637.4, PeakMemory = 1_930_000_000, PlannedMemory = 1_870_000_000, MemoryLimit = 2_000_000_000,
        Note = "fast path: LoRA on a llama",
    };

    [Fact]
    public void Everything_is_escaped_and_the_pictures_are_well_formed()
    {
        string html = ReportHtml.Render(Example(300));
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("<b>Blue", html);
        Assert.Contains("models/&lt;script&gt;", html);
        Assert.Contains("&lt;&amp;&quot;&#39;&gt;", html);
        Assert.DoesNotContain("NaN", html);
        Assert.DoesNotContain("http", html); // nothing is fetched
        var pictures = html.Split("<svg").Skip(1).Select(p => XElement.Parse("<svg" + p[..(p.IndexOf("</svg>") + 6)])).ToList();
        Assert.Equal(4, pictures.Count);
        Assert.Equal(7, pictures[0].Elements("circle").Count());
    }

    [Fact]
    public void Numbers_are_shown_with_their_units()
    {
        string html = ReportHtml.Render(Example(300));
        foreach (string text in new[] { "921.6 k", "3.7 MB", "12 min 34 s", "1.23 M", "1.93 GB" }) Assert.Contains($"<b>{text}</b>", html);
        foreach (string text in new[] { "0.6805 % of 135.44 M", "1637.4 per second", "at step 300", "1.87 GB planned, limit 2.00 GB" }) Assert.Contains($"<span>{text}</span>", html);
        Assert.Contains("<dt>Before</dt>", html);
        Assert.Equal(2, html.Split("<dt>After</dt>").Length - 1);
    }

    [Fact]
    public void A_curve_goes_through_its_points_and_breaks_where_there_is_no_number()
    {
        var data = new ReportData("x", [new(1, 4, 1, 1), new(2, double.NaN, 1, 1), new(3, 2, 1, 1), new(4, 3, 1, 1)], []);
        string html = ReportHtml.Render(data);
        string path = html.Split("class=\"line one\" d=\"")[1].Split('"')[0];
        // Loss 2..4 fills the height from 220 down to 12, steps 1..4 the width from 62 to 546.
        Assert.Equal("M62 12M384.67 220L546 116", path);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(30_000)]
    public void Empty_short_and_long_runs_are_drawn(int steps)
    {
        var data = steps == 0 ? new ReportData("empty", [], []) : Example(steps);
        string html = ReportHtml.Render(data);
        Assert.EndsWith("</html>\n", html);
        Assert.True(html.Length < 400_000, $"{html.Length}");
        string path = Path.Combine(Paths.Temporary(), "report.html");
        ReportHtml.Write(path, data);
        Assert.Equal(html, File.ReadAllText(path));
    }
}
