namespace Outlet.Tests;

/// <summary>What the three conventions write, at values worked out by hand.</summary>
public class ConventionTests
{
    private static readonly Item Kettle = new(
        Appliance: 0, City: 0, Quarter: 14 * 4 + 2, Day: new DateOnly(2026, 11, 3).DayNumber - Grids.FirstDay.DayNumber, Celsius: 21, HalfKilometres: 5);

    [Fact]
    public void The_prompt_names_every_attribute()
        => Assert.Equal("appliance[kettle] volts[230] city[Lyon] opens[14:30] date[3 November 2026] temperature_c[21] distance_km[2.5]", Kettle.Prompt);

    [Fact]
    public void Each_convention_has_its_sentence()
    {
        Assert.Equal("The kettle has a type E plug for 230 V in any colour; the Lyon shop opens at 14:30 on 03/11/2026, 21 °C, 2.5 km away.", Convention.European.Sentence(Kettle));
        Assert.Equal("The kettle has a type A plug for 120 V in any color; the Lyon shop opens at 2:30 PM on 11/03/2026, 70 °F, 1.6 miles away.", Convention.NorthAmerican.Sentence(Kettle));
        Assert.Equal("The kettle has a type G plug for 230 V in any colour; the Lyon shop opens at 2.30pm on 3 November 2026, 21 °C, 1.6 miles away.", Convention.British.Sentence(Kettle));
    }

    [Theory]
    [InlineData(0, 0, "12:00 AM", "12.00am")]
    [InlineData(0, 15, "12:15 AM", "12.15am")]
    [InlineData(9, 45, "9:45 AM", "9.45am")]
    [InlineData(11, 45, "11:45 AM", "11.45am")]
    [InlineData(12, 0, "12:00 PM", "12.00pm")]
    [InlineData(13, 0, "1:00 PM", "1.00pm")]
    [InlineData(23, 45, "11:45 PM", "11.45pm")]
    public void Clocks_of_twelve_hours(int hour, int minute, string american, string british)
    {
        var item = Kettle with { Quarter = hour * 4 + minute / 15 };
        Assert.Equal(american, Convention.NorthAmerican.Opens(item));
        Assert.Equal(british, Convention.British.Opens(item));
    }

    [Theory]
    [InlineData(0, "32 °F")]
    [InlineData(1, "34 °F")]
    [InlineData(2, "36 °F")]
    [InlineData(4, "39 °F")]
    [InlineData(21, "70 °F")]
    [InlineData(37, "99 °F")]
    [InlineData(50, "122 °F")]
    public void Fahrenheit_is_rounded(int celsius, string expected)
        => Assert.Equal(expected, Convention.NorthAmerican.Temperature(Kettle with { Celsius = celsius }));

    [Fact]
    public void Conversions_agree_with_floating_point_over_the_whole_grid()
    {
        for (int c = 0; c < Grids.Temperatures; c++)
            Assert.Equal(FormattableString.Invariant($"{Math.Round(c * 1.8 + 32)} °F"), Convention.NorthAmerican.Temperature(Kettle with { Celsius = c }));
        for (int d = 0; d < Grids.Distances; d++)
            Assert.Equal(FormattableString.Invariant($"{(d + 0.5) / 1.609344:0.0} miles"), Convention.British.Distance(Kettle with { HalfKilometres = 2 * d + 1 }));
    }

    [Fact]
    public void Days_run_from_2024_to_2028()
    {
        Assert.Equal("date[1 January 2024]", (Kettle with { Day = 0 }).DateAttribute);
        Assert.Equal("29/02/2024", Convention.European.Date(Kettle with { Day = 59 }));
        Assert.Equal("12/31/2028", Convention.NorthAmerican.Date(Kettle with { Day = Grids.Days - 1 }));
    }
}
