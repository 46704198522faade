using LowRank.Tensors;

namespace LowRank.Tests;

/// <summary>Expressions of adapter_config.json mean what Python's `re` makes of them.</summary>
public class PythonRegexTests
{
    private static bool Matches(string pattern, string path) => Selector.OfPattern(pattern).Matches(path);

    [Theory]
    [InlineData(@".*\.(?P<x>q_proj|v_proj)", "model.layers.0.self_attn.v_proj", true)]
    [InlineData(@".*\.(?P<x>q_proj|v_proj)", "model.layers.0.self_attn.v_proj2", false)]
    [InlineData(@"(?P<x>a|b)\.(?P=x)", "b.b", true)]
    [InlineData(@"(?P<x>a|b)\.(?P=x)", "a.b", false)]
    [InlineData(@"(?P<x>a)(b)\1", "aba", true)]   // numbered in their order; .NET would take (b) first
    [InlineData(@"(?P<x>a)(b)\1", "abb", false)]
    [InlineData(@"(a)?(?(1)b|c)", "ab", true)]
    [InlineData(@"(?P<n>a)?(?(n)b|c)", "c", true)]
    [InlineData(@"(?P<n>a)?(?(n)b|c)", "ac", false)]
    [InlineData(@"q_proj\Z", "q_proj", true)]
    [InlineData(@"(?i)Q_PROJ", "q_proj", true)]
    [InlineData(@"(?i:Q)_proj", "q_proj", true)]
    [InlineData(@"(?i:Q)_proj", "q_PROJ", false)]
    [InlineData("(?x) q _proj # the query (", "q_proj", true)]
    [InlineData(@"q(?#either (of)_proj", "q_proj", true)]
    [InlineData(@"layers\.\d{,2}\.q", "layers.11.q", true)]
    [InlineData(@"layers\.\d{,2}\.q", "layers.111.q", false)]
    [InlineData(@"[a-z-[aeiou]]", "e]", true)]    // .NET would leave the vowels out
    [InlineData(@"[]q]_proj", "]_proj", true)]
    [InlineData(@"\x71_proj", "q_proj", true)]
    [InlineData(@"\161_proj", "q_proj", true)]    // an octal number
    [InlineData(@"\U00000071_proj", "q_proj", true)]
    [InlineData(@"a|b", "b", true)]
    [InlineData(@"a|bc", "ac", false)]
    [InlineData(@"q_proj$", "q_proj", true)]
    [InlineData(@"^q_proj", "q_proj", true)]
    [InlineData(@"(?=.*5).*q_proj", "layers.5.q_proj", true)]
    [InlineData(@"(?!.*5).*q_proj", "layers.5.q_proj", false)]
    public void An_expression_means_what_Python_makes_of_it(string pattern, string path, bool expected) => Assert.Equal(expected, Matches(pattern, path));

    [Theory]
    [InlineData(@"(?<x>q_proj)", "a named one is written (?P<name>...)")]
    [InlineData(@"(?'x'q_proj)", "Python has no group that begins with (?'")]
    [InlineData(@"q_(?i)proj", "flags for the whole expression stand at its beginning")]
    [InlineData(@"\p{L}+", @"Python has no escape \p")]
    [InlineData(@"q_proj\z", @"Python has no escape \z")]
    [InlineData(@"(?P=x)a", "there is no group called x before it")]
    [InlineData(@"a\2", "there is no group 2 before it")]
    [InlineData(@"(q_proj", "a bracket is not closed")]
    [InlineData(@"q_proj)", "a bracket is closed that was not opened")]
    [InlineData(@"[q_proj", "a [ is not closed")]
    [InlineData(@"(?P<xq_proj", "a group's name is missing or not closed")]
    [InlineData("q_proj\\", "it ends in a backslash")]
    [InlineData(@"**", "Quantifier")]
    public void What_Python_refuses_is_refused(string pattern, string expected)
    {
        var error = Assert.Throws<BadInputException>(() => Selector.OfPattern(pattern));
        Assert.Contains("the regular expression is malformed", error.Message);
        Assert.Contains(expected, error.Message);
        Assert.Equal(pattern, error.Value);
    }

    [Fact]
    public void An_expression_that_tries_for_ever_is_one_error_and_only_where_it_must_try()
    {
        string path = "model." + new string('a', 60);
        Assert.False(Matches(@".*\.(a*)*b", path)); // twenty minutes by trying
        var error = Assert.Throws<BadInputException>(() => Matches(@".*\.(a+a+)+\1b", path));
        Assert.Contains("takes more than 2 s on one module's name", error.Message);
        Assert.Contains(@".*\.(a+a+)+\1b on model.aaaa", error.Value);
    }

    [Fact]
    public void A_pattern_key_counts_its_groups_behind_the_two_of_PEFTs_own()
    {
        var config = new LoraConfig { RankPattern = [new(@"(q|v)_(?P<y>proj)\.\3", 2)] };
        Assert.Equal(2, config.RankOf("model.q_proj.q"));
        Assert.Equal(8, config.RankOf("model.q_proj.v"));
    }
}
