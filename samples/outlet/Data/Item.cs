namespace Outlet;

/// <summary>What one row is about, as positions in <see cref="Grids"/>.</summary>
/// <param name="Appliance">Into <see cref="Grids.Appliances"/>.</param>
/// <param name="City">Into <see cref="Grids.Cities"/>.</param>
/// <param name="Quarter">The opening time in quarter hours from midnight, 0 to 95.</param>
/// <param name="Day">Days after <see cref="Grids.FirstDay"/>.</param>
/// <param name="Celsius">Degrees, 0 to 50.</param>
/// <param name="HalfKilometres">The distance in half kilometres, an odd number from 1 to 39.</param>
public readonly record struct Item(int Appliance, int City, int Quarter, int Day, int Celsius, int HalfKilometres)
{
    /// <summary>The appliance's name.</summary>
    public string ApplianceName => Grids.Appliances[Appliance];
    /// <summary>The city's name.</summary>
    public string CityName => Grids.Cities[City].Name;
    /// <summary>The opening hour, 0 to 23.</summary>
    public int Hour => Quarter / 4;
    /// <summary>The opening minute, 0, 15, 30 or 45.</summary>
    public int Minute => Quarter % 4 * 15;
    /// <summary>The date.</summary>
    public DateOnly Date => Grids.FirstDay.AddDays(Day);

    /// <summary>An item drawn from the grids.</summary>
    public static Item Draw(SplitMix random) => new(
        random.Below(Grids.Appliances.Count), random.Below(Grids.Cities.Count), random.Below(Grids.Quarters),
        random.Below(Grids.Days), random.Below(Grids.Temperatures), 2 * random.Below(Grids.Distances) + 1);

    /// <summary>The prompt of a whole sentence: every attribute, always in this order.</summary>
    public string Prompt => $"appliance[{ApplianceName}] volts[230] {CityAttribute} {OpensAttribute} {DateAttribute} {TemperatureAttribute} {DistanceAttribute}";

    /// <summary>As in <c>city[Lyon]</c>.</summary>
    public string CityAttribute => $"city[{CityName}]";
    /// <summary>As in <c>opens[14:30]</c>.</summary>
    public string OpensAttribute => $"opens[{Hour:00}:{Minute:00}]";
    /// <summary>As in <c>date[3 November 2026]</c>.</summary>
    public string DateAttribute => $"date[{Date.Day} {Grids.Months[Date.Month - 1]} {Date.Year}]";
    /// <summary>As in <c>temperature_c[21]</c>.</summary>
    public string TemperatureAttribute => $"temperature_c[{Celsius}]";
    /// <summary>As in <c>distance_km[2.5]</c>.</summary>
    public string DistanceAttribute => $"distance_km[{HalfKilometres / 2}.5]";
}
