using System.Text.RegularExpressions;

namespace LowRank.Text.Tests.Templates;

/// <summary>
/// Why npm's engine renders otherwise. All reasons are its departures from Jinja2, each seen by hand; ours was compared with Jinja2 itself on the same conversations.
/// </summary>
internal static partial class Differences
{
    private static readonly (string Words, string Reason)[] TheirErrors =
    [
        ("Unknown ArrayValue filter", "they lack a filter for lists"), ("Unknown StringValue filter", "they lack a filter for text"), ("Unknown ObjectValue filter", "they lack a filter for dictionaries"),
        ("to type: UndefinedValue", "they lack filters on undefined values"), ("got StringValue", "they do not loop over text"), ("Unknown identifier", "they lack a statement"),
    ];

    /// <summary>The reason that a difference is known to have; null where it is not known.</summary>
    public static string? Reason(string template, string? ours, string? error, string? theirs, string? theirError)
    {
        if (theirError is not null) return TheirErrors.FirstOrDefault(e => theirError.Contains(e.Words, StringComparison.Ordinal)).Reason;
        if (ours is null) return error!.Contains("can only concatenate str", StringComparison.Ordinal) ? "they join text with lists and dictionaries, which is an error in Python" : null;
        if (template.Contains('\r')) return "they keep CR LF, which Jinja makes LF";
        if (Values(ours) == Values(theirs!)) return "they print true, null, lists and dictionaries as JSON";
        if (StripOfCharacters().IsMatch(template)) return "their strip ignores which characters it is given";
        if (template.Contains("continue", StringComparison.Ordinal)) return "they drop what an iteration wrote before continue";
        if (MessageComparison().IsMatch(template)) return "they compare dictionaries by identity: of two equal messages only one is the last";
        return LooseComparison().IsMatch(template) ? "they compare with false as JavaScript does" : null;
    }

    private static string Values(string text) => text.Replace("True", "true", StringComparison.Ordinal).Replace("False", "false", StringComparison.Ordinal).Replace("None", "null", StringComparison.Ordinal).Replace('\'', '"').Replace("\\\"", "\"", StringComparison.Ordinal);

    [GeneratedRegex(@"strip\(['""]")]
    private static partial Regex StripOfCharacters();

    [GeneratedRegex(@"== \w+\[-1\]")]
    private static partial Regex MessageComparison();

    [GeneratedRegex(@"[!=]= false")]
    private static partial Regex LooseComparison();
}
