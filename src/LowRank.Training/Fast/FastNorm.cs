using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>A frozen RMS norm of the step, over rows that lie end to end.</summary>
internal sealed unsafe class FastNorm : IDisposable
{
    private readonly Kernels _k;
    private readonly NativeBlock _factors;
    private readonly float _epsilon;

    private FastNorm(RmsNorm norm, Kernels kernels, float scale)
    {
        (_k, _epsilon) = (kernels, (float)norm.Epsilon);
        float[] factors = norm.Factors();
        Width = factors.Length;
        _factors = new NativeBlock(Width * sizeof(float));
        for (int i = 0; i < Width; i++) ((float*)_factors.Start)[i] = factors[i] * scale;
    }

    /// <summary>Opens a norm, its output times <paramref name="scale"/>; of none there is none.</summary>
    public static FastNorm? Of(RmsNorm? norm, Kernels kernels, double scale = 1) => norm is null ? null : new(norm, kernels, (float)scale);

    /// <summary>Numbers in a row.</summary>
    public int Width { get; }

    /// <summary>y = norm(x).</summary>
    public void Forward(byte* x, byte* y, int rows) => _k.RmsNorm(x, (float*)_factors.Start, y, rows, Width, _epsilon);

    /// <summary>y = y0 + norm(x).</summary>
    public void ForwardSum(byte* x, byte* y0, byte* y, int rows) => _k.RmsNormSum(x, (float*)_factors.Start, y0, y, rows, Width, _epsilon);

    /// <summary>dx += the gradient, and y = norm(x) again (null: not wanted).</summary>
    public void BackwardSum(byte* x, byte* dy, byte* dx, byte* y, int rows) => _k.RmsNormBackward(x, (float*)_factors.Start, dy, dx, y, rows, Width, _epsilon);

    /// <summary>dx = the gradient; dx may be dy.</summary>
    public void Backward(byte* x, byte* dy, byte* dx, int rows) => _k.RmsNormGradient(x, (float*)_factors.Start, dy, dx, rows, Width, _epsilon);

    /// <inheritdoc/>
    public void Dispose() => _factors.Dispose();
}
