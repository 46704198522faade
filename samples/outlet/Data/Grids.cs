namespace Outlet;

/// <summary>The finite grids that attributes are drawn from: every conversion is a table a small model can learn.</summary>
public static class Grids
{
    /// <summary>What is sold.</summary>
    public static IReadOnlyList<string> Appliances { get; } =
    [
        "kettle", "toaster", "blender", "oven", "fan", "heater", "iron", "lamp",
        "mixer", "grill", "dryer", "fridge", "freezer", "vacuum", "speaker", "printer",
        "radio", "shaver", "juicer", "cooler", "charger", "monitor",
    ];

    /// <summary>Where, with the letter of the plug that fits the country's sockets (IEC world plugs).</summary>
    public static IReadOnlyList<(string Name, char Plug)> Cities { get; } =
    [
        ("Lyon", 'E'), ("Paris", 'E'), ("Brussels", 'E'), ("Warsaw", 'E'), ("Prague", 'E'),
        ("Berlin", 'F'), ("Munich", 'F'), ("Madrid", 'F'), ("Vienna", 'F'), ("Lisbon", 'F'), ("Oslo", 'F'), ("Bergen", 'F'), ("Athens", 'F'),
        ("Rome", 'L'), ("Milan", 'L'), ("Naples", 'L'), ("Zurich", 'J'), ("Geneva", 'J'), ("Basel", 'J'),
        ("Copenhagen", 'K'), ("Aarhus", 'K'),
    ];

    /// <summary>The months' names, January first.</summary>
    public static IReadOnlyList<string> Months { get; } =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

    /// <summary>Opening times are the quarter hours of a day, counted from midnight.</summary>
    public const int Quarters = 96;

    /// <summary>The first day.</summary>
    public static DateOnly FirstDay { get; } = new(2024, 1, 1);

    /// <summary>How many days: the five years 2024 to 2028.</summary>
    public const int Days = 1827;

    /// <summary>Temperatures are 0 to 50 degrees Celsius.</summary>
    public const int Temperatures = 51;

    /// <summary>Distances are 0.5, 1.5 ... 19.5 kilometres.</summary>
    public const int Distances = 20;
}
