using System.Globalization;
using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>What a configuration's numbers are held against before anything of that size is made: the tensors that it describes.</summary>
/// <param name="Size">The largest size of any tensor.</param>
/// <param name="Layers">How many layers there are.</param>
/// <param name="Experts">How many experts a layer has.</param>
internal sealed record ModelBounds(long Size, int Layers, int Experts)
{
    /// <summary>Where no tensors are known: far above any model, and no product of two sizes leaves 64 bits.</summary>
    public static readonly ModelBounds None = new(1 << 28, 1 << 14, 1 << 14);

    /// <summary>Where no tensor's name has a number: names are then told to be missing, not numbers to be wrong.</summary>
    public const int Unnamed = 1024;

    /// <summary>Those of a source's tensors.</summary>
    public static ModelBounds Of(IWeightSource source) => new(
        source.Names.Select(n => source.Shape(n)!.DefaultIfEmpty(0).Max()).DefaultIfEmpty(0).Max(),
        Math.Max(Numbered(source.Names, "layers"), Numbered(source.Names, "h")) is > 0 and var layers ? layers : Unnamed,
        Numbered(source.Names, "experts") is > 0 and var experts ? experts : Unnamed);

    /// <summary>One more than the largest number behind a part of the names: "layers.11" is twelve layers.</summary>
    public static int Numbered(IEnumerable<string> names, string part)
    {
        int most = 0;
        foreach (string name in names)
        {
            string[] parts = name.Split('.');
            for (int i = 0; i + 1 < parts.Length; i++)
                if (parts[i] == part && int.TryParse(parts[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < int.MaxValue) most = Math.Max(most, number + 1);
        }
        return most;
    }
}
