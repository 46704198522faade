using System.Net;
using System.Text;

namespace LowRank.Training;

/// <summary>A line of a chart.</summary>
/// <param name="Name">What the legend says.</param>
/// <param name="Style">The CSS class: its colour.</param>
/// <param name="Points">Step and value; values that are not finite break the line.</param>
/// <param name="Dots">Whether each point is marked; for few points.</param>
internal sealed record Series(string Name, string Style, IReadOnlyList<(double X, double Y)> Points, bool Dots = false);

/// <summary>Draws line charts as inline SVG, without scripts.</summary>
internal static class LineChart
{
    private const double Width = 560, Height = 260, Left = 62, Right = 14, Top = 12, Bottom = 40;
    private const int MostPoints = 1200;

    /// <summary>A figure with title, axes, lines and, for several lines, a legend; empty text where there is nothing to draw.</summary>
    public static string Draw(string title, string unit, IReadOnlyList<Series> series, bool fromZero = false)
    {
        series = [.. series.Where(s => s.Points.Any(p => double.IsFinite(p.Y)))];
        if (series.Count == 0) return "";
        var all = series.SelectMany(s => s.Points).Where(p => double.IsFinite(p.Y)).ToList();
        var x = new Axis(all.Min(p => p.X), all.Max(p => p.X), 6, whole: true, tight: true);
        var y = new Axis(fromZero ? Math.Min(0, all.Min(p => p.Y)) : all.Min(p => p.Y), all.Max(p => p.Y), 5);
        double AtX(double v) => Left + x.Share(v) * (Width - Left - Right);
        double AtY(double v) => Height - Bottom - y.Share(v) * (Height - Top - Bottom);

        var svg = new StringBuilder();
        svg.Append($"<figure><figcaption><b>{Escape(title)}</b> <span>{Escape(unit)}</span>{Legend(series)}</figcaption>");
        svg.Append($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Escape(title)}\">");
        foreach (double v in y.Ticks)
        {
            svg.Append($"<line class=\"grid\" x1=\"{C(Left)}\" x2=\"{C(Width - Right)}\" y1=\"{C(AtY(v))}\" y2=\"{C(AtY(v))}\"/>");
            svg.Append($"<text class=\"tick\" x=\"{C(Left - 8)}\" y=\"{C(AtY(v) + 4)}\" text-anchor=\"end\">{Escape(Numbers.Real(v))}</text>");
        }
        foreach (double v in x.Ticks)
            svg.Append($"<text class=\"tick\" x=\"{C(AtX(v))}\" y=\"{C(Height - Bottom + 18)}\" text-anchor=\"middle\">{Escape(Numbers.Count(v))}</text>");
        svg.Append($"<line class=\"axis\" x1=\"{C(Left)}\" x2=\"{C(Width - Right)}\" y1=\"{C(Height - Bottom)}\" y2=\"{C(Height - Bottom)}\"/>");
        svg.Append($"<text class=\"tick\" x=\"{C((Left + Width - Right) / 2)}\" y=\"{C(Height - 4)}\" text-anchor=\"middle\">step</text>");
        foreach (var line in series) Append(svg, line, AtX, AtY);
        return svg.Append("</svg></figure>").ToString();
    }

    private static void Append(StringBuilder svg, Series series, Func<double, double> atX, Func<double, double> atY)
    {
        var path = new StringBuilder();
        bool pen = false;
        foreach (var (px, py) in Thinned(series.Points))
        {
            if (!double.IsFinite(py)) { pen = false; continue; }
            path.Append(pen ? 'L' : 'M').Append(C(atX(px))).Append(' ').Append(C(atY(py)));
            pen = true;
        }
        svg.Append($"<path class=\"line {series.Style}\" d=\"{path}\"/>");
        if (!series.Dots && series.Points.Count > 1) return;
        foreach (var (px, py) in series.Points.Where(p => double.IsFinite(p.Y)))
            svg.Append($"<circle class=\"dot {series.Style}\" cx=\"{C(atX(px))}\" cy=\"{C(atY(py))}\" r=\"4\"><title>step {Numbers.Count(px)}: {Escape(Numbers.Real(py))}</title></circle>");
    }

    /// <summary>A long run has more points than a picture has columns: of each stretch the lowest and the highest stay, so that no spike is lost.</summary>
    private static IEnumerable<(double X, double Y)> Thinned(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count <= MostPoints) return points;
        int stretch = (points.Count * 2 + MostPoints - 1) / MostPoints;
        return points.Chunk(stretch).SelectMany(c => new[] { c.MinBy(p => p.Y), c.MaxBy(p => p.Y) }.Distinct().OrderBy(p => p.X));
    }

    private static string Legend(IReadOnlyList<Series> series) => series.Count < 2 ? "" :
        "<span class=\"legend\">" + string.Concat(series.Select(s => $"<span><i class=\"{s.Style}\"></i>{Escape(s.Name)}</span>")) + "</span>";

    private static string C(double v) => Numbers.Coordinate(v);

    private static string Escape(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A range widened to round ticks (1, 2 or 5 times a power of ten apart).</summary>
    private sealed class Axis
    {
        private readonly double _low, _high;

        public Axis(double low, double high, int wanted, bool whole = false, bool tight = false)
        {
            if (high <= low) (low, high) = (low - Math.Max(1e-12, Math.Abs(low) * 0.1), high + Math.Max(1e-12, Math.Abs(high) * 0.1));
            double raw = (high - low) / wanted, power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
            double step = power * (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10);
            if (whole) step = Math.Max(1, step);
            double first = tight ? Math.Ceiling(low / step) : Math.Floor(low / step), last = tight ? Math.Floor(high / step) : Math.Ceiling(high / step);
            (_low, _high) = tight ? (low, high) : (first * step, last * step);
            for (double i = first; i <= last; i++) Ticks.Add(i * step);
        }

        public List<double> Ticks { get; } = [];

        public double Share(double value) => (value - _low) / (_high - _low);
    }
}
