using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// The numbers that adapters start from: xoshiro256** of its own (Blackman and Vigna 2018), so that a seed gives the same bits on every
/// machine, whatever else draws random numbers.
/// </summary>
public sealed class Randomness
{
    private ulong _a, _b, _c, _d;

    /// <summary>Starts from a seed.</summary>
    public Randomness(ulong seed) => (_a, _b, _c, _d) = (Split(ref seed), Split(ref seed), Split(ref seed), Split(ref seed));

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double Next()
    {
        ulong result = ulong.RotateLeft(_b * 5, 7) * 9, t = _b << 17;
        _c ^= _a; _d ^= _b; _b ^= _c; _a ^= _d; _c ^= t;
        _d = ulong.RotateLeft(_d, 45);
        return (result >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Normal with mean 0 and deviation 1.</summary>
    public double Normal() => Math.Sqrt(-2 * Math.Log(1 - Next())) * Math.Cos(2 * Math.PI * Next());

    /// <summary>A trainable float32 tensor, uniform in ±<paramref name="bound"/>.</summary>
    public Parameter Uniform(long[] shape, double bound) => Fill(shape, () => (float)((2 * Next() - 1) * bound));

    /// <summary>A trainable float32 tensor, normal with the given deviation.</summary>
    public Parameter Normals(long[] shape, double deviation) => Fill(shape, () => (float)(Normal() * deviation));

    /// <summary>A trainable float32 tensor of zeros.</summary>
    public static Parameter Zeros(long[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        using var scope = NewDisposeScope();
        return Keep(zeros(shape, ScalarType.Float32));
    }

    /// <summary>A trainable copy that lives on beyond the current scope: float32, of float64 values float64 so that a copy of the base is one.</summary>
    public static Parameter Keep(Tensor values)
    {
        ArgumentNullException.ThrowIfNull(values);
        using var scope = NewDisposeScope();
        using var normal = inference_mode(false);
        using var _ = no_grad();
        var result = new Parameter(values.detach().to_type(values.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32).clone());
        result.DetachFromDisposeScope();
        return result;
    }

    private static Parameter Fill(long[] shape, Func<float> next)
    {
        ArgumentNullException.ThrowIfNull(shape);
        using var scope = NewDisposeScope();
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (int i = 0; i < values.Length; i++) values[i] = next();
        return Keep(tensor(values, shape));
    }

    private static ulong Split(ref ulong state) // splitmix64
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
