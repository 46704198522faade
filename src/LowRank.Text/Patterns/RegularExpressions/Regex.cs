using LowRank.Tensors;

namespace LowRank.Text.Patterns;

/// <summary>A regular expression of a tokenizer file: Oniguruma's Ruby syntax over code points, run by our own bounded matcher.</summary>
internal sealed class Regex : IPattern
{
    [ThreadStatic]
    private static RegexMatcher? _matcher;

    private Regex(RegexProgram program) => Program = program;

    /// <summary>Its instructions.</summary>
    public RegexProgram Program { get; }

    /// <summary>The pattern of an expression: written by hand where it is one of the published ones that pay, else compiled.</summary>
    /// <param name="source">The expression.</param>
    /// <param name="place">What to call its place in errors.</param>
    /// <exception cref="BadInputException">It is malformed, too large, or uses what is not supported.</exception>
    public static IPattern Parse(string source, string place) => PublishedPatterns.Find(source) ?? Compile(source, place);

    /// <summary>The compiled pattern of an expression.</summary>
    /// <exception cref="BadInputException">It is malformed, too large, or uses what is not supported.</exception>
    public static Regex Compile(string source, string place)
    {
        var (root, captures) = RegexParser.Parse(source, place);
        return new Regex(RegexCompiler.Compile(root, captures, source, place));
    }

    /// <inheritdoc/>
    public void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches) => (_matcher ??= new RegexMatcher()).FindAll(Program, text, matches);

    /// <summary>How many steps the matches of a text take.</summary>
    public long CountSteps(ReadOnlySpan<char> text)
    {
        var matcher = new RegexMatcher();
        matcher.FindAll(Program, text, []);
        return matcher.Steps;
    }
}
