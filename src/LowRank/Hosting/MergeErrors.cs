using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Gathers what rounding merged weights costs.</summary>
internal sealed class MergeErrors
{
    private double _worst, _errors, _weights, _deltas;
    private string? _where;

    /// <summary>Notes one weight: as it is held, as it should be, as it was; all in float32 or float64.</summary>
    public void Add(string place, Tensor held, Tensor exact, Tensor original)
    {
        using var scope = NewDisposeScope();
        var error = held.sub(exact);
        double largest = error.abs().max().to_type(ScalarType.Float64).item<double>();
        if (!double.IsFinite(largest)) throw new BadInputException("merging gives a weight beyond the stored dtype's range", place, remedy: "Merge into a base in float32; nothing was changed.");
        if (largest > _worst) (_worst, _where) = (largest, place);
        _errors += Power(error);
        _weights += Power(exact);
        _deltas += Power(exact.sub(original));
    }

    public MergeReport Report(int parameters) => new(parameters, _worst, _where, Share(_weights) ?? 0, Share(_deltas));

    private double? Share(double of) => _errors == 0 ? 0 : of == 0 ? null : Math.Sqrt(_errors / of);

    private static double Power(Tensor x) => x.Squared().sum(ScalarType.Float64).item<double>();
}
