namespace Outlet;

/// <summary>The rows of every file.</summary>
public static class DataSets
{
    /// <summary>Whole sentences for the base's training.</summary>
    public const int BaseSentences = 15_360;
    /// <summary>Facts for the base's training: 40 % of its 25,600 rows, which are 800 steps of 32.</summary>
    public const int BaseFacts = 10_240;
    /// <summary>Rows of an adapter's training.</summary>
    public const int Train = 2_000;
    /// <summary>Rows of each held-out file.</summary>
    public const int Test = 200;

    /// <summary>
    /// Whether an item may only be tested with. One in ten of the (appliance, city, opening time) triples is held out of all training,
    /// the base's too, so a held-out row is new in more than its exact wording.
    /// </summary>
    public static bool IsHeldOut(Item item)
        => new SplitMix((ulong)((item.Appliance * Grids.Cities.Count + item.City) * Grids.Quarters + item.Quarter), "held out").Below(10) == 0;

    /// <summary>The base's training rows, sentences and facts shuffled together.</summary>
    public static IReadOnlyList<Row> Corpus(ulong seed)
    {
        var rows = Sentences(Convention.European, BaseSentences, heldOut: false, new SplitMix(seed, "corpus"));
        rows.AddRange(Facts.Draw(BaseFacts, new SplitMix(seed, "facts")));
        new SplitMix(seed, "order").Shuffle(rows);
        return rows;
    }

    /// <summary>The base's held-out rows.</summary>
    public static IReadOnlyList<Row> BaseEvaluation(ulong seed)
        => Sentences(Convention.European, Test, heldOut: true, new SplitMix(seed, "base-eval"));

    /// <summary>An adapter's training rows.</summary>
    public static IReadOnlyList<Row> TrainRows(Convention convention, ulong seed)
        => Sentences(convention, Train, heldOut: false, new SplitMix(seed, convention.Name + " train"));

    /// <summary>An adapter's held-out rows.</summary>
    public static IReadOnlyList<Row> TestRows(Convention convention, ulong seed)
        => Sentences(convention, Test, heldOut: true, new SplitMix(seed, convention.Name + " test"));

    private static List<Row> Sentences(Convention convention, int count, bool heldOut, SplitMix random)
    {
        var rows = new List<Row>(count);
        var seen = new HashSet<Item>();
        while (rows.Count < count)
        {
            var item = Item.Draw(random);
            if (IsHeldOut(item) == heldOut && seen.Add(item)) rows.Add(new Row(item.Prompt, convention.Sentence(item)));
        }
        return rows;
    }
}
