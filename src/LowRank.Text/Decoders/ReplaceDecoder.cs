using System.Text;
using LowRank.Text.Patterns;

namespace LowRank.Text.Decoders;

/// <summary>Puts a string in the place of every match in a token.</summary>
/// <param name="pattern">What is looked for.</param>
/// <param name="content">What is put there.</param>
/// <param name="single">Whether every match is a single UTF-16 unit, so that parts of a token can be changed by themselves.</param>
internal sealed class ReplaceDecoder(IPattern pattern, string content, bool single) : EachTokenDecoder
{
    /// <inheritdoc/>
    protected override bool WorksOnParts => single;

    /// <inheritdoc/>
    protected override string Change(string token, bool first)
    {
        var matches = new List<(int Start, int End)>();
        if (token.Length > 0) pattern.FindMatches(token, matches);
        if (matches.Count == 0) return token;
        var text = new StringBuilder();
        int done = 0;
        foreach (var (start, end) in matches)
        {
            text.Append(token, done, start - done).Append(content);
            done = end;
        }
        return text.Append(token, done, token.Length - done).ToString();
    }
}
