using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Tests;

internal static class AdapterNumbers
{
    /// <summary>Adds random numbers to all that is trained, B too: a new adapter alone changes nothing.</summary>
    public static void Randomise(this Adapter adapter)
    {
        using var _ = no_grad();
        foreach (var p in adapter.Parameters) p.Parameter.PlusInPlace(randn_like(p.Parameter).mul(Scalars.Of(0.3)));
    }
}
