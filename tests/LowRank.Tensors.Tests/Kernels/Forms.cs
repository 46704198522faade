using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

/// <summary>The forms of a kernel, and how near their results have to be.</summary>
internal static class Forms
{
    /// <summary>Widths that fill registers, that do not, and that are smaller than any.</summary>
    public static readonly int[] Widths = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 65, 130, 1021];

    /// <summary>The kinds of numbers, as theory rows.</summary>
    public static TheoryData<bool> Kinds => [true, false];

    /// <summary>Every form that runs here, the scalar twin last.</summary>
    public static Kernels[] Of(bool wide) => [.. Kernels.All(wide ? ScalarType.Float32 : ScalarType.BFloat16)];

    /// <summary>Runs <paramref name="pass"/> in every form: each result is within rounding of <paramref name="expected"/>, and of the twin's bit for bit unless its sums may be ordered differently.</summary>
    /// <param name="pass">Gives the form's result, fresh.</param>
    /// <param name="expected">The plain reference in double precision.</param>
    /// <param name="relative">Bound, of a value; bfloat16 adds its own rounding where the result is stored so.</param>
    /// <param name="absolute">Bound beside it.</param>
    /// <param name="sums">Whether sums are taken over a row.</param>
    public static void Check(bool wide, Func<Kernels, Numbers> pass, IReadOnlyList<double> expected, string what, double relative = 4e-7, double absolute = 1e-7, bool sums = false)
    {
        var forms = Of(wide);
        double[] twin;
        using (var result = pass(forms[^1])) twin = result.ToArray();
        foreach (var form in forms)
        {
            using var result = pass(form);
            Assert.Equal(expected.Count, result.Count);
            for (int i = 0; i < expected.Count; i++)
            {
                double bound = absolute + Math.Abs(expected[i]) * (relative + (result.Size == 4 ? 0 : 1 / 250.0));
                if (!(Math.Abs(result[i] - expected[i]) <= bound)) Assert.Fail($"{what}, {Name(form)}, number {i} of {expected.Count}: {result[i]:r}, expected {expected[i]:r}");
                if (!sums && BitConverter.DoubleToInt64Bits(result[i]) != BitConverter.DoubleToInt64Bits(twin[i])) Assert.Fail($"{what}, {Name(form)}, number {i}: {result[i]:r}, the twin has {twin[i]:r}");
            }
        }
    }

    public static string Name(Kernels form) => string.Join(' ', form.GetType().GenericTypeArguments.Select(t => t.Name));

    /// <summary>1 / (1 + e^-x)</summary>
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>A feed-forward part's non-linearity.</summary>
    public static double Activation(GateKind kind, double x) => kind switch
    {
        GateKind.Silu => x * Sigmoid(x),
        GateKind.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        GateKind.Gelu => x * Phi(x),
        GateKind.Relu => Math.Max(x, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>Its slope, by differences, so that a mistake in a formula cannot be repeated here.</summary>
    public static double Slope(GateKind kind, double x) => kind == GateKind.Relu ? (x > 0 ? 1 : 0) : (Activation(kind, x + 1e-4) - Activation(kind, x - 1e-4)) / 2e-4;

    // The normal distribution, by Simpson's rule.
    private static double Phi(double x)
    {
        const int parts = 2000;
        double end = Math.Min(Math.Abs(x), 12), sum = 0;
        for (int i = 0; i <= parts; i++)
        {
            double t = end * i / parts;
            sum += Math.Exp(-t * t / 2) * (i == 0 || i == parts ? 1 : i % 2 == 1 ? 4 : 2);
        }
        double half = sum * end / parts / 3 / Math.Sqrt(2 * Math.PI);
        return 0.5 + Math.Sign(x) * half;
    }
}
