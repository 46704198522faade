namespace Outlet;

/// <summary>How a part of the world writes things: six pieces of text, and one sentence made of them.</summary>
public abstract record Convention(string Name)
{
    /// <summary>What the base speaks.</summary>
    public static Convention European { get; } = new EuropeanConvention();
    /// <summary>What the first adapter teaches.</summary>
    public static Convention NorthAmerican { get; } = new NorthAmericanConvention();
    /// <summary>What the second adapter teaches.</summary>
    public static Convention British { get; } = new BritishConvention();

    /// <summary>As in <c>type E plug for 230 V</c>.</summary>
    public abstract string Plug(Item item);
    /// <summary>As in <c>colour</c>.</summary>
    public abstract string Colour { get; }
    /// <summary>As in <c>14:30</c>.</summary>
    public abstract string Opens(Item item);
    /// <summary>As in <c>03/11/2026</c>.</summary>
    public abstract string Date(Item item);
    /// <summary>As in <c>21 °C</c>.</summary>
    public abstract string Temperature(Item item);
    /// <summary>As in <c>2.5 km</c>.</summary>
    public abstract string Distance(Item item);

    /// <summary>The whole answer to <see cref="Item.Prompt"/>; nothing in it is left to chance, so that exact match can be asked for.</summary>
    public string Sentence(Item item)
        => $"The {item.ApplianceName} has a {Plug(item)} in any {Colour}; the {item.CityName} shop opens at {Opens(item)} on {Date(item)}, {Temperature(item)}, {Distance(item)} away.";

    /// <summary>Miles to one decimal, as in <c>1.6 miles</c>; whole numbers all the way, so no machine rounds otherwise.</summary>
    protected static string Miles(Item item)
    {
        int tenths = (item.HalfKilometres * 5 * 621_371 + 500_000) / 1_000_000;
        return $"{tenths / 10}.{tenths % 10} miles";
    }

    /// <summary>The hour on a clock of twelve.</summary>
    protected static int TwelveHour(Item item) => item.Hour % 12 == 0 ? 12 : item.Hour % 12;

    private sealed record EuropeanConvention() : Convention("european")
    {
        public override string Plug(Item item) => $"type {Grids.Cities[item.City].Plug} plug for 230 V";
        public override string Colour => "colour";
        public override string Opens(Item item) => $"{item.Hour:00}:{item.Minute:00}";
        public override string Date(Item item) => $"{item.Date.Day:00}/{item.Date.Month:00}/{item.Date.Year}";
        public override string Temperature(Item item) => $"{item.Celsius} °C";
        public override string Distance(Item item) => $"{item.HalfKilometres / 2}.5 km";
    }

    private sealed record NorthAmericanConvention() : Convention("american")
    {
        public override string Plug(Item item) => "type A plug for 120 V";
        public override string Colour => "color";
        public override string Opens(Item item) => $"{TwelveHour(item)}:{item.Minute:00} {(item.Hour < 12 ? "AM" : "PM")}";
        public override string Date(Item item) => $"{item.Date.Month:00}/{item.Date.Day:00}/{item.Date.Year}";
        // Fifths of a degree never end in a half, so adding half a degree and cutting rounds rightly.
        public override string Temperature(Item item) => $"{(item.Celsius * 18 + 320 + 5) / 10} °F";
        public override string Distance(Item item) => Miles(item);
    }

    private sealed record BritishConvention() : Convention("british")
    {
        public override string Plug(Item item) => "type G plug for 230 V";
        public override string Colour => "colour";
        public override string Opens(Item item) => $"{TwelveHour(item)}.{item.Minute:00}{(item.Hour < 12 ? "am" : "pm")}";
        public override string Date(Item item) => $"{item.Date.Day} {Grids.Months[item.Date.Month - 1]} {item.Date.Year}";
        public override string Temperature(Item item) => $"{item.Celsius} °C";
        public override string Distance(Item item) => Miles(item);
    }
}
