namespace Outlet;

/// <summary>
/// Plain facts as rows of their own: <c>american temperature_c[21] -></c> gives <c>70 °F</c>. A base that has never had an adapter's words
/// as targets cannot be adapted by its linear layers, since those words' output embeddings have all fallen together.
/// So the base knows all three conventions, and still answers every whole prompt in European.
/// </summary>
public static class Facts
{
    /// <summary>Rows of facts; every value of every grid comes up in turn for each convention (the dates' days, months and years by chance).</summary>
    public static IEnumerable<Row> Draw(int count, SplitMix random)
    {
        // European facts are few: whole sentences teach those anyway.
        Convention[] conventions = [.. Enumerable.Repeat(Convention.NorthAmerican, 5), .. Enumerable.Repeat(Convention.British, 4), Convention.European];
        var turn = new Dictionary<(string, int), int>();
        for (int i = 0; i < count; i++)
        {
            var convention = random.Of(conventions);
            int kind = Kinds[random.Below(Kinds.Length)];
            int n = turn[(convention.Name, kind)] = turn.GetValueOrDefault((convention.Name, kind), -1) + 1;
            yield return Fact(convention, kind, n, Item.Draw(random));
        }
    }

    /// <summary>Each kind as often as the size of its table asks for.</summary>
    private static readonly int[] Kinds = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5];

    private static Row Fact(Convention convention, int kind, int n, Item item)
    {
        var (attribute, value) = kind switch
        {
            0 when (item = item with { Quarter = n % Grids.Quarters }) is var i => (i.OpensAttribute, convention.Opens(i)),
            1 => (item.DateAttribute, convention.Date(item)),
            2 when (item = item with { Celsius = n % Grids.Temperatures }) is var i => (i.TemperatureAttribute, convention.Temperature(i)),
            3 when (item = item with { HalfKilometres = 2 * (n % Grids.Distances) + 1 }) is var i => (i.DistanceAttribute, convention.Distance(i)),
            4 when (item = item with { City = n % Grids.Cities.Count }) is var i => (i.CityAttribute, convention.Plug(i)),
            _ => ("word[colour]", convention.Colour),
        };
        return new Row($"{convention.Name} {attribute} ->", value);
    }
}
