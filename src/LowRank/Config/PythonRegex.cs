using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using LowRank.Tensors;

namespace LowRank;

/// <summary>A regular expression in the syntax and with the anchoring of Python's `re`, which PEFT's configurations are written for.</summary>
internal sealed class PythonRegex
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly ConcurrentDictionary<(string, string), PythonRegex> Made = new(); // rank_pattern asks again for each module

    private readonly Regex _regex;
    private readonly string _given;

    private PythonRegex(Regex regex, string given) => (_regex, _given) = (regex, given);

    /// <summary>An expression that must match a whole path (`re.fullmatch`).</summary>
    public static PythonRegex Whole(string pattern) => Make(@"\A(?:", pattern, @")\z", groups: 0);

    /// <summary>`re.match(rf"(.*\.)?({key})$", path)`: a key of rank_pattern or alpha_pattern, whose own groups are numbered from 3.</summary>
    public static PythonRegex Suffix(string key) => Make(@"\A(?<1>.*\.)?(?<2>", key, ")$", groups: 2);

    /// <summary>A path whose block number, the group `layer`, stands behind this name (layers_pattern).</summary>
    public static PythonRegex LayerNumber(string pattern) => Make(@"\A.*?\.(?:", pattern, @")\.(?<layer>\d+)\.", groups: 0);

    /// <summary>Whether a path is meant.</summary>
    /// <exception cref="BadInputException">The expression does not come to an end.</exception>
    public bool IsMatch(string path) => Match(path).Success;

    /// <summary>The match at the path's start.</summary>
    /// <exception cref="BadInputException">The expression does not come to an end.</exception>
    public Match Match(string path)
    {
        try { return _regex.Match(path); }
        catch (RegexMatchTimeoutException)
        {
            throw new BadInputException($"the regular expression takes more than {Patience.TotalSeconds:0} s on one module's name: it tries too many ways to match", $"{_given} on {path}",
                remedy: "Leave out repetitions inside repetitions, such as (a*)*, and references back.");
        }
    }

    private static PythonRegex Make(string before, string given, string after, int groups) => Made.GetOrAdd((before, given), _ =>
    {
        try
        {
            var (pattern, options) = PythonPattern.Translate(given, groups);
            return new PythonRegex(Compile(before + pattern + after, options | RegexOptions.CultureInvariant), given);
        }
        catch (ArgumentException e)
        {
            throw new BadInputException("the regular expression is malformed: " + e.Message, given, remedy: "Escape dots as \\. and close every bracket; a plain list of names needs no expression.");
        }
    });

    // Without trying back and forth where the expression allows it: its time is then bounded by the path's length.
    private static Regex Compile(string pattern, RegexOptions options)
    {
        try { return new Regex(pattern, options | RegexOptions.NonBacktracking, Patience); }
        catch (NotSupportedException) { return new Regex(pattern, options, Patience); }
    }
}
