using LowRank.Models;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// One projection of the step: y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ. W is frozen, B·A is never formed. A projection without an adapter is the same with no factors; DoRA's gains are
/// <see cref="FastGains"/>'s.
/// </summary>
internal sealed unsafe class FastLinear
{
    private readonly Parameter? _a, _b, _bias, _magnitude;
    private readonly Kernels _kernels;

    /// <summary>Opens a projection with the factors A [r, in] and B [out, r], float32, or none, DoRA's magnitude [out] or none, and the bias that is trained instead of the base's, or none.</summary>
    public FastLinear(Projection layer, Parameter? a, Parameter? b, double scale, Parameter? magnitude, Parameter? bias, Kernels kernels)
    {
        (Weight, _kernels) = (FastWeight.Of(layer, kernels), kernels);
        (_a, _b, Scale, _magnitude, _bias) = (a, b, (float)scale, magnitude, bias);
        Rank = a is null ? 0 : ((int)a.size(0) + 1) / 2 * 2; // even, for pairs
        if (layer.Bias is { } own)
        {
            using var scope = NewDisposeScope();
            Bias = new NativeBlock(Out * sizeof(float));
            own.detach().to(ScalarType.Float32).data<float>().CopyTo(new Span<float>(Bias.Start, Out));
        }
    }

    /// <summary>W.</summary>
    public FastWeight Weight { get; }
    /// <summary>Width of the input.</summary>
    public int In => Weight.Columns;
    /// <summary>Width of the output.</summary>
    public int Out => Weight.RowCount;
    /// <summary>Rank rounded up to even; 0 without an adapter.</summary>
    public int Rank { get; }
    /// <summary>s.</summary>
    public float Scale { get; }
    /// <summary>b in float32, or null; a trained one as <see cref="Begin"/> found it.</summary>
    public NativeBlock? Bias { get; }
    /// <summary>Whether it has a magnitude.</summary>
    public bool HasMagnitude => _magnitude is not null;
    /// <summary>Whether anything of it is trained.</summary>
    public bool IsTrained => _a is not null || _bias is not null;
    /// <summary>A's rows as trained.</summary>
    public int TrueRank => (int)(_a?.size(0) ?? 0);

    /// <summary>A's numbers, [r, in]; set by <see cref="Begin"/>, as are the next six.</summary>
    public float* A { get; private set; }
    /// <summary>B's numbers, [out, r].</summary>
    public float* B { get; private set; }
    /// <summary>Where A's gradient is summed, [r, in].</summary>
    public float* GradientA { get; private set; }
    /// <summary>Where B's gradient is summed, [out, r].</summary>
    public float* GradientB { get; private set; }
    /// <summary>m's numbers, [out]; null without a magnitude.</summary>
    public float* Magnitude { get; private set; }
    /// <summary>Where m's gradient is summed, [out].</summary>
    public float* GradientMagnitude { get; private set; }
    /// <summary>Where b's gradient is summed, [out]; null where it is not trained.</summary>
    public float* GradientBias { get; private set; }

    /// <summary>Looks up where the factors and their gradients lie now; gradients that are absent begin at 0.</summary>
    public void Begin()
    {
        if (_bias is not null)
        {
            Buffer.MemoryCopy(NativeTensors.DataPointer(_bias), Bias!.Start, Bias.Bytes, Bias.Bytes);
            GradientBias = Gradient(_bias);
        }
        if (_magnitude is not null)
        {
            Magnitude = (float*)NativeTensors.DataPointer(_magnitude);
            GradientMagnitude = Gradient(_magnitude);
        }
        if (_a is null) return;
        A = (float*)NativeTensors.DataPointer(_a);
        B = (float*)NativeTensors.DataPointer(_b!);
        GradientA = Gradient(_a);
        GradientB = Gradient(_b!);
    }

    /// <summary>A's rows from <paramref name="first"/> on, <paramref name="count"/> of them, columns from <paramref name="from"/> on, in the compute dtype; those beyond the true rank are 0.</summary>
    public byte* RowsOfA(int first, int count, int from, int columns, byte* to)
    {
        for (int r = 0; r < count; r++)
        {
            byte* row = to + (long)r * columns * _kernels.Size;
            if (first + r < TrueRank) _kernels.Narrow(A + (long)(first + r) * In + from, row, columns, 1);
            else new Span<byte>(row, columns * _kernels.Size).Clear();
        }
        return to;
    }

    /// <summary>B's rows from <paramref name="first"/> on, <see cref="Rank"/> numbers each, in the compute dtype; those beyond the true rank are 0.</summary>
    public byte* RowsOfB(int first, int count, byte* to)
    {
        int rank = TrueRank;
        if (rank == Rank) _kernels.Narrow(B + (long)first * rank, to, (long)count * rank, 1);
        else
        {
            new Span<byte>(to, count * Rank * _kernels.Size).Clear();
            for (int o = 0; o < count; o++) _kernels.Narrow(B + (long)(first + o) * rank, to + (long)o * Rank * _kernels.Size, rank, 1);
        }
        return to;
    }

    private static float* Gradient(Parameter parameter)
    {
        parameter.grad ??= zeros_like(parameter); // the parameter keeps its own reference
        return (float*)NativeTensors.DataPointer(parameter.grad!);
    }
}
