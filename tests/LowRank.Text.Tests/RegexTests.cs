using LowRank.Tensors;
using LowRank.Text.Patterns;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>The regular expression engine by value, against hand-written patterns, and within its bounds.</summary>
public sealed class RegexTests
{
    private const string Kimi = @"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Thousands = @"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))";

    [Theory]
    [InlineData("b+", "abbab", "1-3 4-5")]
    [InlineData("", "abc", "0-0 1-1 2-2 3-3")]
    [InlineData("a*", "baac", "0-0 1-3 4-4")]
    [InlineData("a|ab", "ab", "0-1")]
    [InlineData("a{2}", "aaaaa", "0-2 2-4")]
    [InlineData("a{2,}", "aaaaa", "0-5")]
    [InlineData("a{,2}b", "aaab", "1-4")]
    [InlineData("a{x}", "a{x}", "0-4")]
    [InlineData("a+?", "aaa", "0-1 1-2 2-3")]
    [InlineData("a++a", "aaa", "")]
    [InlineData("(?>a+)a", "aaa", "")]
    [InlineData("(?:a{1,2})+", "aaaaa", "0-5")]
    [InlineData("a{1,2}+", "aaaaa", "0-5")] // in this syntax a repeated interval, not a possessive one
    [InlineData("a(?=b)", "abaca", "0-1")]
    [InlineData("a(?!b)", "abaca", "2-3 4-5")]
    [InlineData("(?<=b)a", "aba", "2-3")]
    [InlineData("(?<!b)a", "aba", "0-1")]
    [InlineData("(?<=ab|c)x", "abx cx x", "2-3 5-6")]
    [InlineData("^a|a$", "aba\nab", "0-1 2-3 4-5")]
    [InlineData(@"\Aa|b\z|b\Z", "ab\nab\n", "0-1 4-5")]
    [InlineData(@"\bcat\b", "cat cats", "0-3")]
    [InlineData(@"\Bat", "cat at", "1-3")]
    // What stands alone asks another table for the first 256 characters than what stands in a class (run through the reference's engine).
    [InlineData(@"\w+", "a²³-¹a¼½ ¾·₂①٣_", "0-3 4-8 9-10 13-15")]
    [InlineData(@"[\w]+", "a²³-¹a¼½ ¾·₂①٣_", "0-1 5-6 13-15")]
    [InlineData(@"\W+", "a²³-¹a¼½ ¾·₂①٣_", "3-4 8-9 10-13")]
    [InlineData(@"[^\w]+", "a²-", "1-3")]
    [InlineData(@"\p{Word}+", "a²-", "0-2")]
    [InlineData(@"\b.", "a²-¼", "0-1 2-3 3-4")]
    [InlineData("(a)(b)\\2", "abb", "0-3")]
    [InlineData(@"(?<x>\w)\k<x>", "abbc", "1-3")]
    [InlineData("(?i:k)", "kK\u212A", "0-1 1-2 2-3")]
    [InlineData("(?i:'s)", "'s'S'\u017F", "0-2 2-4 4-6")]
    [InlineData("(?i)a|b", "AB", "0-1 1-2")]
    [InlineData("a(?i)b|c", "aBaC", "0-2 2-4")]
    [InlineData("(?m:.)", "\n", "0-1")]
    [InlineData(".", "\n", "")]
    [InlineData("(?x: a b # c\n)", "ab", "0-2")]
    [InlineData("[a-c&&b-d]+", "abcd", "1-3")]
    [InlineData("[^a-c&&b-d]+", "abcd", "0-1 3-4")]
    [InlineData("[a[bc]]+", "abcd", "0-3")]
    [InlineData("[]a]+", "]a", "0-2")]
    [InlineData("[a-]+", "a-b", "0-2")]
    [InlineData(@"[\w-]+", "a-b", "0-3")]
    [InlineData("[[:digit:]x]+", "a1x", "1-3")]
    [InlineData("[[:^alpha:]]+", "a12b", "1-3")]
    [InlineData(@"\p{^L}+", "a12b", "1-3")]
    [InlineData(@"\P{L}+", "a12b", "1-3")]
    [InlineData(@"\p{Han}+", "ab漢字\U00020000かな", "2-6")]
    [InlineData(@"\p{Script_Extensions}|x", "", null)]
    [InlineData(@"\p{Lu}\p{Ll}*", "Ab cD", "0-2 4-5")]
    [InlineData(@"\p{N}", "\U0001D7D9a", "0-2")]
    [InlineData(".", "\U0001D7D9", "0-2")]
    [InlineData(@"\x41\x{1F600}\u0042\t", "A\U0001F600B\t", "0-5")]
    [InlineData(@"\R", "a\r\nb\n", "1-3 4-5")]
    [InlineData(@"\h+", "xAf09g", "1-5")]
    [InlineData(@"(?:)*a", "a", "0-1")]
    [InlineData(@"(?:a*)*b", "aab", "0-3")]
    [InlineData("a)", "", null)]
    [InlineData("(a", "", null)]
    [InlineData("[a", "", null)]
    [InlineData("*a", "", null)]
    [InlineData("a\\", "", null)]
    [InlineData(@"\1", "", null)]
    [InlineData(@"(?<=a+)b", "", null)]
    [InlineData(@"(?'", "", null)]
    [InlineData("(?z:a)", "", null)]
    [InlineData("[b-a]", "", null)]
    [InlineData(@"\x{110000}", "", null)]
    [InlineData("((((a{1000}){1000}){1000}){1000})", "", null)]
    public void Matches(string source, string text, string? expected)
    {
        if (expected is null)
        {
            var error = Assert.Throws<BadInputException>(() => Regex.Compile(source, "here"));
            Assert.Contains("here", error.Message, StringComparison.Ordinal);
        }
        else Assert.Equal(expected, string.Join(' ', Find(Regex.Compile(source, "here"), text).Select(m => $"{m.Start}-{m.End}")));
    }

    [Fact]
    public void Hand_written_patterns_equal_the_engine()
    {
        var random = new Random(1);
        foreach (string source in PublishedPatterns.Sources)
        {
            var engine = Regex.Compile(source, "here");
            var hand = PublishedPatterns.Find(source)!;
            for (int i = 0; i < 3000; i++)
            {
                string text = RandomText.Of(random, random.Next(30));
                Assert.Equal(Find(engine, text), Find(hand, text));
            }
        }
    }

    // Steps, not time: twice the text, about twice the steps, also where each start would otherwise look at the whole rest.
    [Theory]
    [InlineData(Thousands, "7")]
    [InlineData(Kimi, "A")]
    [InlineData(Kimi, " ")]
    [InlineData(Kimi, "漢")]
    [InlineData(@"\s+|[aeiou](?!\w*e)", "a")]
    [InlineData(@"[aeiou](?=\w*e)", "e")]
    [InlineData(@"(?:a|b|ab)*c", "ab")]
    [InlineData(@"(a+)+$x", "a")]
    [InlineData(@"(?:a|a)*b", "a")]
    [InlineData(@"\w+x", "a")]
    [InlineData(@"(?>\w+x|a)b", "a")]
    public void Steps_grow_with_the_text(string source, string unit)
    {
        var regex = Regex.Compile(source, "here");
        string Repeated(int count) => string.Concat(Enumerable.Repeat(unit, count));
        long some = regex.CountSteps(Repeated(5_000)), more = regex.CountSteps(Repeated(20_000));
        Assert.True(more < 5 * some + 1000, $"{some} steps for 5,000, {more} for 20,000");
        Assert.True(more < 200 * 20_000, $"{more} steps");
    }

    [Fact]
    public void Remembering_changes_no_match()
    {
        // Long runs make the matcher remember; short texts of the same kind are matched without.
        var random = new Random(2);
        string[] sources = [Thousands, @"(?:a|ab)*(?!b)", @"[ab]*?b(?=a*c)|a", @"(?>a*b?)(?=(?:ab)*c)|.", @"(?:a?b)*c|(?<!a)b", @"\w+c|a(?=b*a)"];
        foreach (string source in sources)
        {
            var regex = Regex.Compile(source, "here");
            var matcher = new RegexMatcher { Patience = 0 };
            for (int i = 0; i < 2000; i++)
            {
                string text = new([.. Enumerable.Range(0, random.Next(40)).Select(_ => source == Thousands ? "12x"[random.Next(3)] : "aabbc"[random.Next(5)])]);
                var found = new List<(int, int)>();
                matcher.FindAll(regex.Program, text, found);
                Assert.Equal(Find(regex, text), found);
            }
        }
    }

    [Fact]
    public void A_costly_text_leaves_no_memory_behind()
    {
        var regex = Regex.Compile(@"(?:a|ab|b)*c|[ab]", "here");
        var matcher = new RegexMatcher();
        string text = string.Concat(Enumerable.Repeat("ab", 200_000));
        var found = new List<(int, int)>();
        matcher.FindAll(regex.Program, text, found);
        Assert.Equal(400_000, found.Count);
        Assert.InRange(matcher.Held, 0, 1 << 20);
        Assert.Equal([(0, 3)], Find(regex, "abc"));
    }

    [Fact]
    public void Hostile_expressions_end()
    {
        const string Long = "takes too many steps on a text; expected at most 500 steps a character";
        string text = new('a', 3000);
        string stars = string.Concat(Enumerable.Repeat("(?:", 99)) + "a" + string.Concat(Enumerable.Repeat(")*", 99));
        foreach (var (source, said) in new[]
        {
            (@"(a*)*\1b", Long), (@"(a|a)*\1b", Long), (@"(?:a*a*a*a*a*a*)*\Gb", Long), (stars + "b", Long),
            (new string('(', 5000), "it is nested more than 100 deep (character 101)"),
        })
            Assert.Contains(said, Assert.Throws<BadInputException>(() => Find(Regex.Compile(source, "here"), text)).Message);
    }

    private static List<(int Start, int End)> Find(IPattern pattern, string text)
    {
        var matches = new List<(int Start, int End)>();
        pattern.FindMatches(text, matches);
        return matches;
    }
}
