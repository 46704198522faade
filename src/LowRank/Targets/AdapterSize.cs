using System.Globalization;
using LowRank.Tensors;

namespace LowRank;

/// <summary>How large an adapter's factors would be.</summary>
/// <param name="Numbers">Of A and B of all layers together.</param>
/// <param name="Wasteful">Layers whose factors have a higher rank than any change of their weight can have, with that rank.</param>
/// <param name="Layers">Layers with factors.</param>
/// <param name="Most">The highest rank that a change of any of them can have.</param>
public sealed record AdapterSize(long Numbers, IReadOnlyList<(string Layer, int Rank, long Most)> Wasteful, int Layers, long Most)
{
    /// <summary>A rank beyond <see cref="Most"/>; null where there is none.</summary>
    public int? Useless => Wasteful.Where(w => w.Rank > Most).Select(w => (int?)w.Rank).FirstOrDefault();

    /// <summary>Measures the factors of layers, without making them.</summary>
    internal static AdapterSize Of(IReadOnlyList<BaseLayer> layers, LoraConfig config)
    {
        double numbers = 0; // a product of three sizes may be beyond a long
        List<(string, int, long)> wasteful = [];
        foreach (var layer in layers)
        {
            int rank = config.RankOf(layer.Name);
            long most = Math.Min(layer.FanIn, layer.Outputs);
            numbers += layer.ShapeA(rank).Aggregate(1.0, (x, y) => x * y) + layer.ShapeB(rank).Aggregate(1.0, (x, y) => x * y);
            if (rank > most) wasteful.Add((layer.Name, rank, most));
        }
        return new((long)Math.Min(numbers, long.MaxValue / 1024), wasteful, layers.Count, layers.Max(l => Math.Min(l.FanIn, l.Outputs)));
    }

    /// <summary>Refuses factors that this machine cannot hold, before the first of them is made.</summary>
    internal static void Check(IReadOnlyList<BaseLayer> layers, LoraConfig config)
    {
        var size = Of(layers, config);
        long bytes = size.Numbers * sizeof(float), there = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes < there) return;
        throw new BadInputException("the adapter's factors alone are larger than this machine's memory",
            config.Rank.ToString(CultureInfo.InvariantCulture), config.RankPattern.Count > 0 ? "r, rank_pattern" : "r",
            $"less than {ByteSize.Show(there)} for {size.Layers} layers; these take {ByteSize.Show(bytes)}",
            "Lower r, or target fewer layers.");
    }
}
