using System.CommandLine;
using System.CommandLine.Parsing;
using LowRank.Tensors;

namespace LowRank.Cli;

/// <summary>An option that was given and that the others leave without effect is refused, not passed over.</summary>
internal static class FlagRules
{
    /// <summary>Whether an option stands on the command line.</summary>
    public static bool IsGiven(this ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    /// <summary>An error for each of the options that was given.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="remedy">What would give them an effect.</param>
    /// <param name="options">The options that have none here.</param>
    public static IEnumerable<BadInputException> Unused(this ParseResult parsed, string remedy, params IEnumerable<Option> options)
        => options.Where(parsed.IsGiven).Select(o => new BadInputException("the option has no effect here", Text(parsed.GetResult(o)),
            o.Name, remedy: remedy));

    /// <summary>Throws the errors there are, all at once.</summary>
    public static void Refuse(this ParseResult parsed, params IEnumerable<BadInputException> errors)
    {
        List<BadInputException> all = [.. errors];
        if (all.Count > 0)
            throw BadInputException.All("the command line cannot be used", all, "lowrank " + parsed.CommandResult.Command.Name);
    }

    private static string? Text(OptionResult? result) => result is { Tokens.Count: > 0 }
        ? string.Join(' ', result.Tokens.Select(t => t.Value)) : null;
}
