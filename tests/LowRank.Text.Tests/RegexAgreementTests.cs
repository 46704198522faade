using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.TestKit;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>Generated expressions cut generated texts as the Rust library's engine (Oniguruma) does. LOWRANK_AGREE is the number of expressions.</summary>
public sealed class RegexAgreementTests
{
    private const string Alphabet = "²¾①aABbsſ'1٣ \n\t漢あé_.-~ÅΣς\U0001D7D9\U0001F600";
    private static readonly string[] Letters = [.. Runes(Alphabet)];
    private static readonly string[] Atoms =
    [
        "a", "b", "A", "s", "'", ".", "\\s", "\\S", "\\d", "\\D", "\\w", "\\W", "\\p{Word}", "\\P{Word}", "[\\W1]", "(?i:\\w)", "\\h", "\\p{L}", "\\p{N}", "\\P{L}", "\\p{^N}", "\\p{Han}", "\\p{Lu}", "\\p{Ll}", "\\p{P}", "\\p{Alphabetic}", "\\n", "\\x61", "\\x{6F22}", "é", "漢",
        "[ab]", "[^ab]", "[a-c1]", "[^\\s\\p{L}]", "[\\p{L}&&[^a]]", "[^\\p{L}&&\\w]", "[[:alpha:]]", "[[:^digit:]_]", "[\\w.-]", "[a[bs]]", "[^\\n]", "\\R", "(?i:s)", "(?i:ab)", "(?i:å)", "(?i:σ)", "(?i:[a-b])",
    ];
    private static readonly string[] Quantifiers = ["*", "+", "?", "*?", "+?", "??", "++", "*+", "?+", "{2}", "{1,2}", "{2,}", "{,2}", "{1,2}?", "{1,2}+", "{2}?"];
    private static readonly string[] Places = ["^", "$", "\\A", "\\z", "\\Z", "\\b", "\\B"];

    [Fact]
    public void Generated_expressions()
    {
        if (RustLibrary.Missing is { } missing) Assert.Skip(missing);
        int count = int.TryParse(Environment.GetEnvironmentVariable("LOWRANK_AGREE"), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? Math.Max(40, n / 500) : 40;
        var random = new Random(n);
        var differences = new List<string>();
        int refused = 0;
        for (int i = 0; i < count; i++)
        {
            string source = Alternatives(random, 3);
            string file = Path.Combine(Paths.Temporary(), "tokenizer.json");
            File.WriteAllText(file, Cutting(source));
            string[] texts = [.. Enumerable.Range(0, 100).Select(_ => string.Concat(Enumerable.Range(0, random.Next(14)).Select(_ => Letters[random.Next(Letters.Length)])))];
            int[][] theirs;
            try
            {
                using var library = new RustLibrary(file);
                theirs = library.Encode(texts);
            }
            catch (Exception e) when (e is EndOfStreamException or IOException)
            {
                refused++; // it does not take a repeated place, for one
                continue;
            }
            var tokenizer = Tokenizer.FromFile(file);
            int[][] ours = tokenizer.EncodeAll(texts);
            int wrong = Array.FindIndex(texts, t => !ours[Array.IndexOf(texts, t)].AsSpan().SequenceEqual(theirs[Array.IndexOf(texts, t)]));
            if (wrong >= 0) differences.Add($"{source} on {JsonValue.Create(texts[wrong])!.ToJsonString()}: {Show(tokenizer, ours[wrong])} instead of {Show(tokenizer, theirs[wrong])}");
        }
        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(40)));
        Assert.True(refused < count / 2, $"the library refused {refused} of {count} expressions");
    }

    private static string Show(Tokenizer tokenizer, int[] ids) => string.Concat(ids.Select(i => tokenizer.TokenOf(i)!.Replace("</w>", "|", StringComparison.Ordinal)));

    // Each character is a token, and another one at the end of a word: so the ids show the cuts.
    private static string Cutting(string source)
    {
        var vocabulary = new JsonObject();
        foreach (string letter in Letters)
        {
            vocabulary[letter] = vocabulary.Count;
            vocabulary[letter + "</w>"] = vocabulary.Count;
        }
        return new JsonObject
        {
            ["version"] = "1.0", ["added_tokens"] = new JsonArray(), ["normalizer"] = null, ["post_processor"] = null, ["decoder"] = null, ["truncation"] = null, ["padding"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = source }, ["behavior"] = "Isolated", ["invert"] = false },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["dropout"] = null, ["unk_token"] = null, ["continuing_subword_prefix"] = null, ["end_of_word_suffix"] = "</w>", ["fuse_unk"] = false,
                ["byte_fallback"] = false, ["vocab"] = vocabulary, ["merges"] = new JsonArray(),
            },
        }.ToJsonString();
    }

    private static string Alternatives(Random random, int depth) => string.Join('|', Enumerable.Range(0, 1 + random.Next(3)).Select(_ => Sequence(random, depth)));

    private static string Sequence(Random random, int depth) => string.Concat(Enumerable.Range(0, 1 + random.Next(3)).Select(_ => Part(random, depth)));

    private static string Part(Random random, int depth)
    {
        if (random.Next(12) == 0) return Places[random.Next(Places.Length)];
        if (depth > 0 && random.Next(9) == 0)
        {
            string[] looks = ["(?=", "(?!", "(?<=", "(?<!"];
            int look = random.Next(4);
            return look < 2 ? looks[look] + Alternatives(random, depth - 1) + ")" : looks[look] + Atoms[random.Next(35)] + ")";
        }
        bool group = depth > 0 && random.Next(5) == 0;
        string atom = group ? new[] { "(?:", "(", "(?>" }[random.Next(3)] + Alternatives(random, depth - 1) + ")" : Atoms[random.Next(Atoms.Length)];
        // Intervals of groups that can match nothing end early in Oniguruma, before their least number: not copied, and not tried.
        return random.Next(2) == 0 ? atom : atom + Quantifiers[random.Next(group ? 8 : Quantifiers.Length)];
    }

    private static IEnumerable<string> Runes(string text) => text.EnumerateRunes().Select(r => r.ToString());
}
