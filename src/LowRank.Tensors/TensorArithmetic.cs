using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>Addition without the Scalar that TorchSharp's own `add` and `+` make and drop inside each call.</summary>
public static class TensorArithmetic
{
    private static readonly TorchSharp.Scalar Alpha = Scalars.Of(1L); // whole, so that it suits integer tensors too

    /// <summary>x + y.</summary>
    public static Tensor Plus(this Tensor x, Tensor y) => x.add(y, Alpha);

    /// <summary>x + c, c a rooted constant.</summary>
    public static Tensor Plus(this Tensor x, TorchSharp.Scalar c) => x.add(c, Alpha);

    /// <summary>x += y in place.</summary>
    public static Tensor PlusInPlace(this Tensor x, Tensor y) => x.add_(y, Alpha);

    /// <summary>x².</summary>
    public static Tensor Squared(this Tensor x) => x.mul(x);
}
