using System.Net;

namespace LowRank.Text.Templates.Library;

/// <summary>HTML's character references.</summary>
internal static class HtmlText
{
    /// <summary>The text with its character references read.</summary>
    public static string Unescape(string text) => text.Contains('&') ? WebUtility.HtmlDecode(text) : text;
}
