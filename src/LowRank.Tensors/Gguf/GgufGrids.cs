using System.Globalization;

namespace LowRank.Tensors;

/// <summary>
/// The points that the IQ types choose from: eight (IQ3: four) small numbers each. They are part of the format, as they were found by its authors; `iq-grids.txt` lists
/// each grid as 16-bit codes in rising order, a number's place among its few possible values in two bits (IQ3: four), the first number lowest.
/// </summary>
internal sealed class GgufGrids
{
    private static readonly Lazy<GgufGrids> Loaded = new(() => new GgufGrids());

    private GgufGrids()
    {
        using var stream = typeof(GgufGrids).Assembly.GetManifestResourceStream("iq-grids.txt")!;
        using var reader = new StreamReader(stream);
        Dictionary<string, List<ushort>> codes = [];
        List<ushort> last = [];
        while (reader.ReadLine() is { Length: > 0 } line)
        {
            if (line.StartsWith("IQ", StringComparison.Ordinal)) codes[line] = last = [];
            else for (int at = 0; at < line.Length; at += 4) last.Add(ushort.Parse(line.AsSpan(at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        }
        sbyte[] two = [0x08, 0x19, 0x2b];
        IQ1 = Unpack(codes["IQ1_S"], 2, [-1, 0, 1]);
        IQ2_XXS = Unpack(codes["IQ2_XXS"], 2, two);
        IQ2_XS = Unpack(codes["IQ2_XS"], 2, two);
        IQ2_S = Unpack(codes["IQ2_S"], 2, two);
        IQ3_XXS = Unpack(codes["IQ3_XXS"], 4, [0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3e]);
        IQ3_S = Unpack(codes["IQ3_S"], 4, [1, 3, 5, 7, 9, 11, 13, 15]);
    }

    /// <summary>The grids, read at the first use.</summary>
    public static GgufGrids All => Loaded.Value;

    /// <summary>2,048 points of eight numbers, for IQ1_S and IQ1_M.</summary>
    public sbyte[] IQ1 { get; }
    /// <summary>256 points of eight numbers.</summary>
    public sbyte[] IQ2_XXS { get; }
    /// <summary>512 points of eight numbers.</summary>
    public sbyte[] IQ2_XS { get; }
    /// <summary>1,024 points of eight numbers.</summary>
    public sbyte[] IQ2_S { get; }
    /// <summary>256 points of four numbers.</summary>
    public sbyte[] IQ3_XXS { get; }
    /// <summary>512 points of four numbers.</summary>
    public sbyte[] IQ3_S { get; }

    private static sbyte[] Unpack(List<ushort> codes, int bits, sbyte[] values)
    {
        int numbers = 16 / bits;
        var grid = new sbyte[codes.Count * numbers];
        for (int i = 0; i < grid.Length; i++) grid[i] = values[codes[i / numbers] >> i % numbers * bits & (1 << bits) - 1];
        return grid;
    }
}
