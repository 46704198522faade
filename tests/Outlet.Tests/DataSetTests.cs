using System.Security.Cryptography;
using System.Text;

namespace Outlet.Tests;

/// <summary>The files as a whole: reproducible, held out properly, and complete in what an adapter will need.</summary>
public class DataSetTests(Generated generated) : IClassFixture<Generated>
{
    private static readonly string[] TrainingFiles = ["corpus.jsonl", "north-american/train.jsonl", "british/train.jsonl"];
    private static readonly string[] HeldOutFiles = ["base-eval.jsonl", "north-american/test.jsonl", "british/test.jsonl"];

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_another_seed_others()
    {
        using var again = new Generated();
        string other = Directory.CreateTempSubdirectory("outlet-test-").FullName;
        try
        {
            Program.Write(other, seed: 8);
            var (a, b, c) = (Hashes(generated.Folder), Hashes(again.Folder), Hashes(other));
            Assert.Equal(11, a.Count);
            Assert.Equal(a, b);
            foreach (string name in Generated.RowFiles.Append("scratch/model.safetensors")) Assert.NotEqual(a[name], c[name]);
        }
        finally { Directory.Delete(other, recursive: true); }
    }

    [Fact]
    public void Texts_are_UTF8_without_a_mark_and_end_lines_with_a_line_feed()
    {
        foreach (string name in Generated.RowFiles.Append("scratch/tokenizer.json").Append("scratch/config.json"))
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(generated.Folder, name));
            Assert.DoesNotContain((byte)'\r', bytes);
            Assert.Equal((byte)'\n', bytes[^1]);
            Assert.NotEqual(0xEF, bytes[0]);
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
    }

    [Fact]
    public void The_files_have_the_sizes_that_the_recipes_count_on()
    {
        Assert.Equal([25_600, 200, 2_000, 200, 2_000, 200], Generated.RowFiles.Select(f => generated.Rows(f).Count));
        Assert.Equal(0.4, generated.Rows("corpus.jsonl").Count(r => r.Prompt.EndsWith(" ->")) / 25_600.0);
    }

    [Fact]
    public void Held_out_combinations_occur_in_no_training_file()
    {
        var trained = TrainingFiles.SelectMany(generated.Rows).ToList();
        var prompts = trained.Select(r => r.Prompt).ToHashSet();
        var triples = trained.Where(r => r.Prompt.StartsWith("appliance[")).Select(Triple).ToHashSet();
        foreach (var row in HeldOutFiles.SelectMany(generated.Rows))
        {
            Assert.DoesNotContain(row.Prompt, prompts);
            Assert.DoesNotContain(Triple(row), triples);
        }

        static (string, string, string) Triple(Row row)
        {
            string[] parts = row.Prompt.Split(' ');
            return (parts[0], parts[2], parts[3]);
        }
    }

    [Fact]
    public void The_base_answers_in_European_only()
    {
        foreach (var row in generated.Rows("corpus.jsonl").Concat(generated.Rows("base-eval.jsonl")).Where(r => r.Prompt.StartsWith("appliance[")))
        {
            Assert.Matches(@"^The [a-z]+ has a type [EFLJK] plug for 230 V in any colour; the [A-Za-z]+ shop opens at \d\d:\d\d on \d\d/\d\d/\d{4}, \d+ °C, \d+\.5 km away\.$", row.Completion);
        }
        Assert.All(generated.Rows("north-american/test.jsonl"), r =>
            Assert.Matches(@"type A plug for 120 V in any color; .* [1-9]\d?:\d\d [AP]M on \d\d/\d\d/\d{4}, \d+ °F, \d+\.\d miles away\.$", r.Completion));
        Assert.All(generated.Rows("british/test.jsonl"), r =>
            Assert.Matches(@"type G plug for 230 V in any colour; .* [1-9]\d?\.\d\d[ap]m on \d\d? [A-Z][a-z]+ \d{4}, \d+ °C, \d+\.\d miles away\.$", r.Completion));
    }

    [Fact]
    public void Every_word_and_number_of_an_adapter_has_been_a_target_of_the_base()
    {
        var counts = generated.Rows("corpus.jsonl").SelectMany(r => ByteAlphabet.Pieces(r.Continuation)).CountBy(p => p).ToDictionary();
        foreach (string name in Generated.RowFiles)
            foreach (string piece in generated.Rows(name).SelectMany(r => ByteAlphabet.Pieces(r.Continuation)).Distinct())
                Assert.True(counts.GetValueOrDefault(piece) > 15, $"'{piece}' of {name} is a target of the base {counts.GetValueOrDefault(piece)} times");
    }

    [Fact]
    public void The_facts_cover_every_value_of_the_grids_in_each_convention()
    {
        var facts = generated.Rows("corpus.jsonl").Where(r => r.Prompt.EndsWith(" ->")).Select(r => r.Prompt).ToHashSet();
        foreach (string who in new[] { "american", "british", "european" })
        {
            Assert.Contains($"{who} word[colour] ->", facts);
            for (int q = 0; q < Grids.Quarters; q++) Assert.Contains($"{who} opens[{q / 4:00}:{q % 4 * 15:00}] ->", facts);
            for (int c = 0; c < Grids.Temperatures; c++) Assert.Contains($"{who} temperature_c[{c}] ->", facts);
            for (int d = 0; d < Grids.Distances; d++) Assert.Contains($"{who} distance_km[{d}.5] ->", facts);
            foreach (var (city, _) in Grids.Cities) Assert.Contains($"{who} city[{city}] ->", facts);
        }
    }

    private static SortedDictionary<string, string> Hashes(string folder) => new(
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(
            f => Path.GetRelativePath(folder, f).Replace('\\', '/'), f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))), StringComparer.Ordinal);
}
