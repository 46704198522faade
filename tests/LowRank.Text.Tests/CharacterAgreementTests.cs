using System.Text;
using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>Every character, normalized as the Rust library normalizes it: the tables must be of its Unicode versions.</summary>
public sealed class CharacterAgreementTests
{
    private const int PerText = 40;

    // Capitals of Unicode 17: lower case is the standard library's there, so it follows the version that the library was built with, here as there.
    private static readonly HashSet<int> NewCapitals = [0xA7CE, 0xA7D2, 0xA7D4, .. Enumerable.Range(0x16EA0, 25)];

    [Theory]
    [InlineData("norm-nfkd")]
    [InlineData("norm-nfc")]
    [InlineData("norm-stripaccents")]
    [InlineData("norm-bert-all")]
    [InlineData("norm-lowercase")]
    [InlineData("norm-nmt")]
    [InlineData("norm-precompiled")]
    public void Every_character_equals_the_reference(string name)
    {
        if (RustLibrary.Missing is { } missing) Assert.Skip(missing);
        string file = Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json");
        var tokenizer = Tokenizer.FromFile(file);
        using var library = new RustLibrary(file);
        List<int> all = [.. Enumerable.Range(1, 0x2FFFF).Concat(Enumerable.Range(0xE0000, 0x1000)).Where(Rune.IsValid)];
        List<int> suspects = [.. Different(all.Chunk(PerText)).SelectMany(c => c)], different = [.. Different(suspects.Chunk(1)).Select(c => c[0]).Where(c => !NewCapitals.Contains(c))];
        Assert.True(different.Count == 0, $"{different.Count}: {string.Join(' ', different.Select(c => $"{c:X4}"))}");

        List<int[]> Different(IEnumerable<int[]> groups)
        {
            var list = groups.ToList();
            string[] texts = [.. list.Select(Text)];
            var theirs = library.Encode(texts);
            return [.. list.Where((_, i) => !theirs[i].AsSpan().SequenceEqual(tokenizer.Encode(texts[i])))];
        }
    }

    // Between letters, and among marks of the classes 1 and 240, so that its own class shows.
    private static string Text(int[] characters)
    {
        var text = new StringBuilder();
        foreach (int c in characters) text.Append('a').Append(new Rune(c)).Append("b\u0345").Append(new Rune(c)).Append("\u0334-");
        return text.ToString();
    }
}
