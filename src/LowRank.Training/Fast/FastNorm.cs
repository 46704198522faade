using LowRank.Models;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;
using LayerNorm = LowRank.Models.LayerNorm;

namespace LowRank.Training;

/// <summary>A frozen norm of the step, over rows that lie end to end: an RMS norm, or a LayerNorm.</summary>
internal sealed unsafe class FastNorm : IDisposable
{
    private readonly Kernels _k;
    private readonly NativeBlock _weight;
    private readonly NativeBlock? _bias;
    private readonly float _epsilon;

    private FastNorm(Kernels kernels, double epsilon, float[] weight, float[]? bias)
        => (_k, _epsilon, Width, _weight, _bias) = (kernels, (float)epsilon, weight.Length, Floats(weight), bias is null ? null : Floats(bias));

    /// <summary>Opens a norm, its output times <paramref name="scale"/>; of none there is none.</summary>
    public static FastNorm? Of(StoredModule? norm, Kernels kernels, double scale = 1) => norm switch
    {
        null => null,
        RmsNorm rms => new(kernels, rms.Epsilon, [.. rms.Factors().Select(f => f * (float)scale)], null),
        LayerNorm layer => new(kernels, layer.Epsilon, [.. Numbers(layer.Weight).Select(f => f * (float)scale)], [.. Numbers(layer.Bias).Select(f => f * (float)scale)]),
        _ => throw new ArgumentException($"no norm: {norm.GetType().Name}", nameof(norm)),
    };

    /// <summary>Numbers in a row.</summary>
    public int Width { get; }
    /// <summary>Bytes of its factors.</summary>
    public long Bytes => _weight.Bytes + (_bias?.Bytes ?? 0);

    /// <summary>y = norm(x).</summary>
    public void Forward(byte* x, byte* y, int rows)
    {
        if (_bias is null) _k.RmsNorm(x, (float*)_weight.Start, y, rows, Width, _epsilon);
        else _k.LayerNorm(x, (float*)_weight.Start, (float*)_bias.Start, y, rows, Width, _epsilon);
    }

    /// <summary>dx += the gradient, and y = norm(x) again (null: not wanted).</summary>
    public void BackwardSum(byte* x, byte* dy, byte* dx, byte* y, int rows)
    {
        if (_bias is null) _k.RmsNormBackward(x, (float*)_weight.Start, dy, dx, y, rows, Width, _epsilon);
        else _k.LayerNormBackward(x, (float*)_weight.Start, (float*)_bias.Start, dy, dx, y, rows, Width, _epsilon);
    }

    /// <summary>y = y0 + norm(x); of an RMS norm.</summary>
    public void ForwardSum(byte* x, byte* y0, byte* y, int rows) => _k.RmsNormSum(x, (float*)_weight.Start, y0, y, rows, Width, _epsilon);

    /// <summary>dx = the gradient, dx may be dy; of an RMS norm.</summary>
    public void Backward(byte* x, byte* dy, byte* dx, int rows) => _k.RmsNormGradient(x, (float*)_weight.Start, dy, dx, rows, Width, _epsilon);

    private static float[] Numbers(Parameter parameter)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        return parameter.detach().cpu().to(ScalarType.Float32).data<float>().ToArray();
    }

    private static NativeBlock Floats(float[] values)
    {
        var block = new NativeBlock(values.Length * sizeof(float));
        values.CopyTo(new Span<float>(block.Start, values.Length));
        return block;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _weight.Dispose();
        _bias?.Dispose();
    }
}
