using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Text that is safe in HTML.</summary>
internal static class Markup
{
    private const string Special = "&<>'\"";
    private static readonly string[] Names = ["&amp;", "&lt;", "&gt;", "&#39;", "&#34;"];

    /// <summary>A value's text with HTML's characters written out, unless it is escaped already.</summary>
    public static Str Escape(Value value, Run run) => value is Str { IsMarkup: true } done ? done : Force(PythonText.Of(value, run), run);

    /// <summary>A text with HTML's characters written out.</summary>
    public static Str Force(string text, Run run)
    {
        if (text.AsSpan().IndexOfAny(Special) < 0) return new Str(text, true);
        run.ChargeLength(text.Length * 5L);
        var escaped = new StringBuilder(text.Length + 16);
        foreach (char c in text) _ = Special.IndexOf(c, StringComparison.Ordinal) is >= 0 and var i ? escaped.Append(Names[i]) : escaped.Append(c);
        return new Str(escaped.ToString(), true);
    }
}
