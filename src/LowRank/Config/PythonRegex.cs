using System.Text.RegularExpressions;
using LowRank.Tensors;

namespace LowRank;

/// <summary>Regular expressions with the anchoring of Python's `re`, which PEFT's configurations are written for.</summary>
internal static class PythonRegex
{
    /// <summary>An expression that must match a whole path (`re.fullmatch`).</summary>
    public static Regex Whole(string pattern) => Make(pattern, @"\A(?:" + pattern + @")\z");

    /// <summary>`re.match(rf"(.*\.)?({key})$", path)`: a key of rank_pattern or alpha_pattern.</summary>
    public static Regex Suffix(string key) => Make(key, @"\A(?:.*\.)?(?:" + key + @")$");

    /// <summary>An expression matched at the start (`re.match`).</summary>
    public static Regex Start(string pattern) => Make(pattern, @"\A(?:" + pattern + ")");

    private static Regex Make(string given, string anchored)
    {
        try
        {
            _ = new Regex(given); // alone first: an unbalanced bracket must not be closed by the anchoring's own
            // Python spells a named group (?P<name>...); .NET leaves the P out.
            return new Regex(anchored.Replace("(?P<", "(?<", StringComparison.Ordinal), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(5));
        }
        catch (ArgumentException e)
        {
            throw new BadInputException("the regular expression is malformed: " + e.Message, given, remedy: "Escape dots as \\. and close every bracket; a plain list of names needs no expression.");
        }
    }
}
