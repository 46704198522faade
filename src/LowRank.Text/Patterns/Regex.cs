using LowRank.Tensors;

namespace LowRank.Text.Patterns;

/// <summary>Regular expressions.</summary>
internal static class Regex
{
    /// <summary>The pattern of an expression.</summary>
    public static IPattern Parse(string source, string place) => source switch
    {
        Gpt2Pattern.Source => new Gpt2Pattern(),
        Gpt4Pattern.Source3 => new Gpt4Pattern(digits: 3),
        Gpt4Pattern.Source1 => new Gpt4Pattern(digits: 1),
        @"\p{N}" => new DigitPattern(),
        _ => throw new BadInputException($"the regular expression {source} is not supported yet", place: place),
    };

    private sealed class DigitPattern : IPattern
    {
        public void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
        {
            for (int i = 0, length; i < text.Length; i += length)
                if (Unicode.IsNumber(Unicode.At(text, i, out length))) matches.Add((i, i + length));
        }
    }
}
