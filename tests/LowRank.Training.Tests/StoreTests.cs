using System.Text;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

public class StoreTests
{
    private static readonly string Folder = TokenCache.Folder;

    [Fact]
    public void Rows_come_back_as_they_were()
    {
        Row[] rows =
        [
            new([1, 2, 3], [-100, 2, 3]) { Place = "a.jsonl:1", Prompt = "päck", Completion = "" }, new([7], [7]), new([1, 2, 3], [1, -100, 3]), new([1, 2, 3], [1, 9, -100]) { Completion = "😀" },
            new([.. Enumerable.Range(0, 20_000)], [.. Enumerable.Range(0, 20_000).Select(i => i % 3 == 0 ? -100 : i)]),
        ];
        string folder = Paths.Temporary();
        using (var writer = new StoreWriter(folder))
        {
            for (int i = 0; i < 5000; i++) writer.Add(rows[i % rows.Length]);
            writer.Finish([1000, 4000], new RowTally { Skipped = 7 });
        }
        using var stored = StoredRows.TryOpen(folder)!;
        Assert.Equal((5000, 7L), (stored.Count, stored.Tally.Skipped));
        Assert.Equal([1000, 4000], stored.Counts);
        foreach (int i in (int[])[0, 1, 2, 3, 4, 4999, 4094, 4095, 4096, 4097, 0])
        {
            var (expected, got) = (rows[i % rows.Length], stored[i]);
            Assert.Equal(expected.InputIds.Length, stored.LengthOf(i));
            Assert.Equal(expected.InputIds, got.InputIds);
            Assert.Equal(expected.Labels, got.Labels);
            Assert.Equal((expected.Place, expected.Prompt, expected.Completion), (got.Place, got.Prompt, got.Completion));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => stored[5000]);
        Assert.Throws<ArgumentOutOfRangeException>(() => stored.LengthOf(-1));
    }

    [Fact]
    public void A_store_that_is_cut_or_unfinished_is_none()
    {
        string folder = Paths.Temporary();
        using (var writer = new StoreWriter(folder))
        {
            writer.Add(new Row([1, 2], [1, 2]));
            Assert.Null(StoredRows.TryOpen(folder));
            writer.Finish([1], new RowTally { Skipped = 0 });
        }
        StoredRows.TryOpen(folder)!.Dispose();
        File.AppendAllText(Path.Combine(folder, "rows.bin"), "x");
        Assert.Null(StoredRows.TryOpen(folder));
        Assert.Null(StoredRows.TryOpen(Path.Combine(folder, "absent")));
    }

    [Fact]
    public void Kept_rows_are_found_again_until_something_they_follow_from_changes()
    {
        int calls = 0;
        var encoder = Letters with { Encode = (text, special) => { Interlocked.Increment(ref calls); return Letters.Encode(text, special); }, Identity = Guid.NewGuid().ToString() };
        string path = Write("x.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
        DataOptions options = new(path) { Cache = DataCache.On };
        int Made(DataOptions with, TokenEncoder? by = null)
        {
            calls = 0;
            var rows = RowSet.Load(with, 1 << 16, by ?? encoder);
            Assert.IsType<StoredRows>(rows.Rows);
            Assert.StartsWith("[^o", Show(rows.Rows[0]));
            return calls;
        }
        Assert.Equal(2, Made(options));
        Assert.Equal(0, Made(options));
        Assert.Equal(2, Made(options with { MaxLength = 3 }));
        Assert.Equal(2, Made(options, encoder with { Identity = Guid.NewGuid().ToString() }));
        File.AppendAllText(path, "{\"text\": \"third\"}\n");
        Assert.Equal(3, Made(options));
        foreach (string store in Directory.GetDirectories(Folder)) if (!Path.GetFileName(store).StartsWith('.')) File.Delete(Path.Combine(store, "index.bin")); // damaged
        Assert.Equal(3, Made(options));
        calls = 0;
        Assert.IsNotType<StoredRows>(RowSet.Load(options with { Cache = DataCache.Off }, 1 << 16, encoder).Rows);
        Assert.IsNotType<StoredRows>(RowSet.Load(options with { Cache = DataCache.Auto }, 1 << 16, encoder).Rows);
        Assert.Equal(6, calls);
    }

    [Fact]
    public void Mistakes_leave_nothing_in_the_cache()
    {
        var encoder = Letters with { Identity = Guid.NewGuid().ToString() };
        var before = Directory.Exists(Folder) ? Directory.GetDirectories(Folder) : [];
        Assert.Throws<BadInputException>(void () => RowSet.Load(new DataOptions(Write("x.jsonl", "{\"text\": \"one\"}\nx\n")) { Cache = DataCache.On }, 1 << 16, encoder));
        Assert.Equal(before.Order(), (Directory.Exists(Folder) ? Directory.GetDirectories(Folder) : []).Where(f => !Path.GetFileName(f).StartsWith('.') || before.Contains(f)).Order());
    }

    [Fact]
    public void What_stands_in_the_cache_folder_and_is_not_the_caches_own_stays()
    {
        var encoder = Letters with { Identity = Guid.NewGuid().ToString() };
        DataOptions options = new(Write("x.jsonl", "{\"text\": \"one\"}\n")) { Cache = DataCache.On };
        string theirs = Path.Combine(Folder, "new.tmp-" + Guid.NewGuid().ToString("N")[..12]), store = Path.Combine(Folder, TokenCache.Key(options, RowReader.Fingerprint(options.Sources), encoder.Identity!, 1 << 16));
        foreach (string folder in (string[])[theirs, store])
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "thesis.txt"), "mine");
            Directory.SetLastWriteTimeUtc(folder, DateTime.UtcNow.AddDays(-100));
        }
        for (int i = 0; i < 2; i++) Assert.Equal("[^oneÉ]", Show(Assert.IsType<StoredRows>(RowSet.Load(options, 1 << 16, encoder).Rows)[0]));
        Assert.Equal(["mine", "mine"], new[] { theirs, store }.Select(f => File.ReadAllText(Path.Combine(f, "thesis.txt"))));
        foreach (string folder in (string[])[theirs, store]) Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Two_at_once_both_get_whole_rows()
    {
        var encoder = Letters with { Identity = Guid.NewGuid().ToString() };
        string path = Write("x.jsonl", string.Concat(Enumerable.Range(0, 3000).Select(i => $"{{\"text\": \"row {i}\"}}\n")));
        var sets = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => RowSet.Load(new DataOptions(path) { Cache = DataCache.On }, 1 << 16, encoder))));
        foreach (var set in sets) Assert.Equal("[^row 2999É]", Show(set.Rows[2999]));
    }

    [Fact]
    public void Many_tokens_go_to_a_temporary_store_with_the_same_rows()
    {
        using var collector = new RowCollector(1, toFolder: false);
        var row = new Row([.. Enumerable.Range(0, 1 << 20)], [.. Enumerable.Range(0, 1 << 20)]);
        for (int i = 0; i < 18; i++) collector.Add(0, row with { Place = $"{i}" });
        var (rows, counts, _) = collector.Finish(null);
        var stored = Assert.IsType<StoredRows>(rows);
        Assert.Equal(18, Assert.Single(counts));
        Assert.Equal(Enumerable.Range(0, 18).Select(i => $"{i}"), rows.Select(r => r.Place));
        stored.Dispose();
    }

    [Fact]
    public void Batches_of_stored_rows_are_those_of_rows_in_memory()
    {
        string path = Write("x.jsonl", string.Concat(Enumerable.Range(0, 50).Select(i => $"{{\"text\": \"{new string('x', i % 7)}{i}\"}}\n")));
        var memory = RowSet.Load(path, 1 << 16, Letters, null);
        var stored = RowSet.Load(new DataOptions(path) { Cache = DataCache.On }, 1 << 16, Letters with { Identity = Guid.NewGuid().ToString() });
        Batcher a = new(memory.Rows, 8, true, 5), b = new(stored.Rows, 8, true, 5);
        for (int i = 0; i < 20; i++) Assert.Equal(a.BatchAt(i).Ids, b.BatchAt(i).Ids);
        Assert.Equal(memory.ForEvaluation().SelectMany(x => x.Labels), stored.ForEvaluation().SelectMany(x => x.Labels));
    }

    [Fact]
    public void Weights_say_how_often_an_epoch_has_the_rows_of_a_source()
    {
        var rows = MemoryRows.Of([.. Enumerable.Range(0, 17).Select(i => new Row([i, i], [i, i]))]);
        var weighted = new WeightedRows(rows, [10, 4, 3], [0.3, 2.5, 1], 7);
        Assert.Equal([3, 10, 3], weighted.Counts);
        Assert.Equal(16, weighted.Count);
        List<int> first = [], second = [];
        for (int epoch = 0; epoch < 20; epoch++)
        {
            int[] ids = [.. weighted.ForEpoch(epoch).Select(r => r.InputIds[0])];
            first.AddRange(ids[..3]);
            second.AddRange(ids[3..13]);
            Assert.Equal([10, 11, 12, 13, 10, 11, 12, 13], ids[3..11]);
            Assert.Equal([14, 15, 16], ids[13..]);
            Assert.Equal(ids, weighted.ForEpoch(epoch).Select(r => r.InputIds[0]));
        }
        // 60 draws of 10 rows: each six times, and every ten draws are all of them
        for (int i = 0; i < 60; i += 10) Assert.Equal(Enumerable.Range(0, 10), first[i..(i + 10)].Order());
        Assert.NotEqual(first[..10], first[10..20]);
        Assert.All(second.CountBy(i => i), c => Assert.Equal(50, c.Value));
        Assert.Equal([1, 4], new WeightedRows(MemoryRows.Of([.. rows.Take(5)]), [1, 4], [0.001, 1], 0).Counts);
        Assert.Contains("(got 3000000000)", Assert.Throws<BadInputException>(() => new WeightedRows(MemoryRows.Of([]), [3_000_000], [1000],
            0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Batches_of_weighted_rows_change_with_the_epoch_and_with_nothing_else()
    {
        string a = Write("a.jsonl", string.Concat(Enumerable.Range(0, 40).Select(i => $"{{\"input_ids\": [{i}, {i}]}}\n"))), b = Write("b.jsonl", "{\"input_ids\": [99, 99]}\n");
        DataSources sources = new(new DataSource(a, 0.5), new DataSource(b, 3));
        var set = RowSet.Load(new DataOptions(sources), 100, null, seed: 4);
        Assert.Equal(23, set.Rows.Count);
        Batcher walked = new(set.Rows, 23, true, 4);
        int[][] epochs = [.. Enumerable.Range(0, 4).Select(e => walked.BatchAt(e).Ids.Where((_, i) => i % 2 == 0).Select(i => (int)i).Order().ToArray())];
        Assert.All(epochs, e => Assert.Equal(3, e.Count(i => i == 99)));
        Assert.Equal(Enumerable.Range(0, 40), epochs[0].Concat(epochs[1]).Where(i => i != 99).Order());
        Assert.Equal(new Batcher(set.Rows, 23, true, 4).BatchAt(3).Ids, walked.BatchAt(3).Ids);
        Assert.NotEqual(RowReader.Fingerprint(sources), RowReader.Fingerprint(new DataSources(new DataSource(a), new DataSource(b, 3))));
    }

    [Fact]
    public void Settings_hold_one_or_several_sources()
    {
        string a = Write("a.jsonl", "{}"), b = Write("b.csv", "x");
        JsonObject Tree(JsonNode data) => new() { ["model"] = "m", ["data"] = data };
        Assert.Equal(a, SettingsBinder.Bind(Tree(a)).Data.ToString());
        var several = SettingsBinder.Bind(Tree(new JsonArray(a, new JsonObject { ["path"] = b, ["weight"] = 0.25 })));
        Assert.Equal([new DataSource(a), new DataSource(b, 0.25)], several.Data);
        // through run.yaml and back
        string yaml = Write("run.yaml", SettingsBinder.ToYaml(SettingsBinder.ToTree(several)));
        Assert.Equal(several.Data, SettingsBinder.Bind(SettingsBinder.ReadYaml(yaml)).Data);
        var error = Assert.Throws<BadInputException>(() => SettingsBinder.Bind(new JsonObject
        {
            ["model"] = "m", ["data"] = new JsonArray(a, "none.jsonl", Write("x.xls", "")), ["eval_data"] = new JsonObject { ["path"] = a, ["weight"] = 0 }, ["columns"] = new JsonObject { ["prompt"] = 3 },
            ["data_format"] = "alpacca", ["bad_rows"] = "ignore", ["truncation_side"] = "both", ["chat_date"] = "today", ["data_cache"] = "maybe", ["assistant_turns"] = "first",
        }));
        foreach (string word in (string[])["none.jsonl", ".xls", "weight", "columns.prompt", "'alpaca'", "ignore", "both", "today", "maybe", "first"]) Assert.Contains(word, error.Message);
    }
}
