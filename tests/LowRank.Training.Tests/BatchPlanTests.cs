using LowRank.Tensors;
using System.Text.Json.Nodes;

namespace LowRank.Training.Tests;

/// <summary>Which rows come together: packed sequences, batches of like length, and that lengths alone decide.</summary>
public class BatchPlanTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(7, 40)]
    [InlineData(300, 64)]
    [InlineData(1000, 100)]
    public void Packing_is_best_fit_longest_row_first(int count, int longest)
    {
        int[] lengths = Lengths(count, Math.Max(1, longest), seed: count);
        int capacity = Math.Max(1, longest);
        var order = EpochOrder.Make(new LengthsOnly(lengths), new BatchOptions(2, true, 5) { PackedLength = capacity }, epoch: 3);
        Assert.Equal(Enumerable.Range(0, count), order.Rows.Order());
        var sequences = Sequences(order).Select(s => s.Sum(row => lengths[row])).ToList();
        Assert.All(sequences, sum => Assert.InRange(sum, 1, capacity));
        Assert.Equal(Naive(lengths, capacity).Order(), sequences.Order());
        Assert.All(Sequences(order), s => Assert.Equal(s.OrderByDescending(row => lengths[row]), s));
    }

    [Fact]
    public void A_row_longer_than_a_sequence_is_one_of_its_own()
    {
        var order = EpochOrder.Make(new LengthsOnly([3, 12, 10, 7]), new BatchOptions(1, false, 0) { PackedLength = 10 }, 0);
        Assert.Equal([[3, 0], [1], [2]], Sequences(order).OrderBy(s => s.Length == 1).ThenBy(s => s[0]));
    }

    [Fact]
    public void Every_epoch_of_packed_batches_holds_every_row_once_and_the_short_batch_is_kept()
    {
        int[] lengths = Lengths(211, 50, seed: 1);
        var rows = MemoryRows.Of([.. lengths.Select((n, i) => new Row([.. Enumerable.Repeat(i, n)], [.. Enumerable.Repeat(i, n)]))]);
        var batcher = new Batcher(rows, new BatchOptions(3, true, 9) { PackedLength = 64 });
        int sequences = EpochOrder.Make(rows, new BatchOptions(3, true, 9) { PackedLength = 64 }, 0).Count;
        Assert.NotEqual(0, sequences % 3);
        Assert.Equal((sequences + 2) / 3, batcher.BatchesPerEpoch);
        HashSet<string> orders = [];
        for (int epoch = 0; epoch < 4; epoch++)
        {
            List<int> seen = [];
            for (int i = 0; i < batcher.BatchesPerEpoch; i++)
            {
                long number = (long)epoch * batcher.BatchesPerEpoch + i;
                var batch = batcher.BatchAt(number);
                Assert.Equal(batch.T, batch.Tokens);
                Assert.InRange(batch.T, 1, 3 * 64);
                Assert.Equal(batch.Documents!.Select(n => (long)n), batch.Ids.GroupBy(id => id).Select(g => g.LongCount()).OrderDescending());
                seen.AddRange(batcher.RowsAt(number));
            }
            Assert.Equal(Enumerable.Range(0, 211), seen.Order());
            orders.Add(string.Join(",", seen));
        }
        Assert.Equal(4, orders.Count);
    }

    [Fact]
    public void A_packed_batch_depends_on_seed_and_number_alone()
    {
        var rows = new LengthsOnly(Lengths(100, 30, seed: 2));
        Batcher Make(ulong seed) => new(rows, new BatchOptions(2, true, seed) { PackedLength = 40 });
        var walked = Make(3);
        for (long i = 0; i < 60; i++) walked.RowsAt(i);
        Assert.Equal(walked.RowsAt(41), Make(3).RowsAt(41));
        Assert.NotEqual(walked.RowsAt(41), Make(4).RowsAt(41));
        // Runs resume across versions: these very sequences must stay.
        Assert.Equal("2 4 1 | 5 0 | 3", string.Join(" | ", Sequences(EpochOrder.Make(new LengthsOnly([3, 2, 5, 9, 2, 6]), new BatchOptions(1, true, 42) { PackedLength = 10 }, 1)).Select(s => string.Join(" ", s))));
    }

    [Fact]
    public void Without_shuffling_sequences_come_in_the_files_order()
        => Assert.Equal([[3, 0], [5, 1], [2, 4]], Sequences(EpochOrder.Make(new LengthsOnly([1, 4, 5, 9, 5, 6]), new BatchOptions(1, false, 42) { PackedLength = 10 }, 1)));

    [Fact]
    public void Grouping_by_length_sorts_chunks_and_puts_the_longest_row_first()
    {
        var rows = new LengthsOnly([3, 1, 2, 5, 9, 4, 7, 8, 6, 2, 2, 1]);
        // Worked out by hand after Transformers' get_length_grouped_indices: chunks of 12 / 4 = 3 rows.
        Assert.Equal([4, 2, 1, 0, 3, 5, 7, 6, 8, 9, 10, 11], new Batcher(rows, new BatchOptions(1, false, 0) { LengthGroup = 1 }).Order(0));
        var many = new LengthsOnly(Lengths(1000, 80, seed: 3));
        var batcher = new Batcher(many, new BatchOptions(4, true, 1) { LengthGroup = 4 });
        Assert.Equal(Enumerable.Range(0, 1000), batcher.Order(2).Order());
        Assert.Equal(many.Longest, many.LengthOf(batcher.Order(2)[0]));
        Assert.NotEqual(batcher.Order(1), batcher.Order(2));
        var widths = Enumerable.Range(0, 250).Select(i => batcher.RowsAt(i)).Skip(1).Select(b => b.Max(many.LengthOf) - b.Min(many.LengthOf)).Order().ToList();
        Assert.InRange(widths[125], 0, 4); // half of the batches have rows within a few tokens of each other
    }

    [Fact]
    public void A_set_of_numbers_finds_the_next_one()
    {
        var random = new Random(8);
        foreach (int bound in (int[])[1, 64, 65, 5000, 300_000])
        {
            var set = new NumberSet(bound);
            SortedSet<int> expected = [];
            for (int i = 0; i < 400; i++)
            {
                int number = random.Next(bound);
                if (random.Next(3) > 0) Assert.Equal(expected.Add(number), set.Add(number));
                else if (expected.Remove(number)) set.Remove(number);
                int from = random.Next(bound);
                Assert.Equal(expected.Where(n => n >= from).Select(n => (int?)n).FirstOrDefault(), set.NextFrom(from));
            }
        }
    }

    [Fact]
    public void Settings_choose_the_batches_and_packing_excludes_grouping()
    {
        var tree = new JsonObject { ["model"] = "m", ["batch_size"] = 4, ["gradient_accumulation_steps"] = 2, ["group_by_length"] = true, ["padding_free"] = true };
        Assert.Equal(new BatchOptions(4, true, 0) { LengthGroup = 8, PaddingFree = true }, BatchOptions.Of(SettingsBinder.Bind(tree, needsData: false)));
        (tree["group_by_length"], tree["padding_free"], tree["packing"], tree["max_length"]) = (false, false, true, 77);
        Assert.Equal(77, BatchOptions.Of(SettingsBinder.Bind(tree, needsData: false)).PackedLength);
        tree["group_by_length"] = true;
        Assert.Contains("packed sequences", Assert.Throws<BadInputException>(() => SettingsBinder.Bind(tree, needsData: false)).Message);
    }

    private static int[][] Sequences(EpochOrder order) => [.. Enumerable.Range(0, order.Count).Select(i => order.Of(i, 1).ToArray())];

    /// <summary>How full each sequence gets, by looking at all of them for each row.</summary>
    private static List<int> Naive(int[] lengths, int capacity)
    {
        List<int> sums = [];
        foreach (int length in lengths.OrderDescending())
        {
            int best = Enumerable.Range(0, sums.Count).Where(i => sums[i] + length <= capacity).OrderByDescending(i => sums[i]).Append(-1).First();
            if (best < 0) sums.Add(length);
            else sums[best] += length;
        }
        return sums;
    }

    private static int[] Lengths(int count, int longest, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => 1 + (int)(longest * Math.Pow(random.NextDouble(), 2)))];
    }

    /// <summary>Rows that must not be read: planning asks for lengths only.</summary>
    private sealed class LengthsOnly(int[] lengths) : IRowList
    {
        public int Longest => lengths.Max();
        public int Count => lengths.Length;
        public Row this[int index] => throw new InvalidOperationException("a row was read");
        public int LengthOf(int index) => lengths[index];
        public IEnumerator<Row> GetEnumerator() => throw new InvalidOperationException("the rows were read");
        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
