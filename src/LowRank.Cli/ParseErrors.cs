using System.CommandLine;
using System.CommandLine.Parsing;
using LowRank.Tensors;

namespace LowRank.Cli;

/// <summary>Says what is wrong with a command line that could not be parsed: the word, the place, what was expected, near names.</summary>
internal static class ParseErrors
{
    /// <summary>Options whose value is the name of another option: the parser takes whatever follows.</summary>
    public static IEnumerable<OptionResult> Swallowed(ParseResult parsed)
        => parsed.CommandResult.Children.OfType<OptionResult>().Where(r => r.Option.Name != "--prompt" && r.Tokens.Any(t => parsed.CommandResult.Command.Options.Any(o => o.Name == t.Value)));

    /// <summary>One error for all that the parser found.</summary>
    public static BadInputException Of(RootCommand root, ParseResult parsed, string[] args)
    {
        var verb = parsed.CommandResult.Command;
        string place = Place(parsed.CommandResult);
        if (verb.Subcommands.Count > 0)
        {
            string[] verbs = [.. verb.Subcommands.Where(c => !c.Hidden).Select(c => c.Name)];
            return (verb == root ? args : parsed.UnmatchedTokens).FirstOrDefault(a => !a.StartsWith('-')) is { } wrong
                ? new BadInputException("there is no such verb", wrong, place, string.Join(", ", verbs), NearNames.Sentence(wrong, verbs) ?? $"See `{place} --help`.")
                : new BadInputException("a verb is missing", place: place, expected: string.Join(", ", verbs), remedy: $"See `{place} --help`.");
        }
        List<BadInputException> errors = [.. parsed.UnmatchedTokens.Where((t, i) => t.StartsWith('-') || i == 0 || !parsed.UnmatchedTokens[i - 1].StartsWith('-')).Select(t => Unknown(verb, place, t))];
        foreach (var error in parsed.Errors)
            if (error.SymbolResult is OptionResult option) errors.Add(BadValue(option, error.Message));
            else if (error.SymbolResult is ArgumentResult argument) errors.Add(argument.Parent is OptionResult of ? BadValue(of, error.Message) : new(error.Message.TrimEnd('.'), place: place));
        errors.AddRange(Swallowed(parsed).Select(r => new BadInputException("the option needs a value", place: r.Option.Name, expected: r.Option.Description)));
        if (errors.Count == 0) errors.AddRange(parsed.Errors.Select(e => Other(place, e.Message)));
        return BadInputException.All("the command line cannot be used", errors, place);
    }

    /// <summary>The words that lead to a verb: `lowrank bench train`.</summary>
    private static string Place(SymbolResult verb) => verb.Parent is { } above ? $"{Place(above)} {((CommandResult)verb).Command.Name}" : "lowrank";

    private static BadInputException Unknown(Command verb, string place, string word)
    {
        string name = word.Split('=')[0];
        return word.StartsWith('-')
            ? new("there is no such option", name, place, remedy: NearNames.Sentence(name, verb.Options.Select(o => o.Name)) ?? $"See `{place} --help`.")
            : new("a word too many", word, place, remedy: $"See `{place} --help`.");
    }

    private static BadInputException BadValue(OptionResult option, string message)
    {
        string given = string.Join(' ', option.Tokens.Select(t => t.Value));
        Type type = option.Option.ValueType;
        string? expected = type == typeof(int) || type == typeof(long) ? "a whole number" : type == typeof(double) ? "a number" : type == typeof(bool) ? "true or false" : null;
        if (option.IdentifierTokenCount > 1 && option.Option.Arity.MaximumNumberOfValues <= 1) return new("the option is given more than once", string.Join(", ", option.Tokens.Select(t => t.Value).Distinct()), option.Option.Name, "one value");
        if (given.Length == 0) return new("the option needs a value", place: option.Option.Name, expected: expected ?? option.Option.Description);
        return expected is null || option.Tokens.Count > 1 ? new(message.TrimEnd('.'), given, option.Option.Name) : new("a value of the wrong kind", given, option.Option.Name, expected);
    }

    private static BadInputException Other(string place, string message) => new(message.TrimEnd('.'), place: place, remedy: $"See `{place} --help`.");
}
