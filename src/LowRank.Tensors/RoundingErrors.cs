using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>Gathers what it costs to hold weights in another form than their exact values: differences in float64, a portion at a time, so
/// that no second matrix is made.</summary>
public sealed class RoundingErrors
{
    private const long Portion = 1 << 21; // numbers

    private double _errors, _weights, _deltas;

    /// <summary>How many weights were noted.</summary>
    public int Count { get; private set; }
    /// <summary>The largest absolute error.</summary>
    public double Largest { get; private set; }
    /// <summary>Where it is; null where nothing was rounded.</summary>
    public string? Worst { get; private set; }
    /// <summary>‖held − exact‖ / ‖exact‖ over all that was noted.</summary>
    public double RelativeRms => Share(_weights) ?? 0;
    /// <summary>‖held − exact‖ / ‖exact − original‖; null where the two are the same and something was rounded.</summary>
    public double? ShareOfDelta => Share(_deltas);

    /// <summary>Notes a weight.</summary>
    /// <param name="place">What it is, for messages.</param>
    /// <param name="held">As it is held.</param>
    /// <param name="exact">As it should be, best in float64.</param>
    /// <param name="original">As it was before something was added; null: nothing was.</param>
    /// <exception cref="BadInputException">A number is beyond the range of the form that it is held in.</exception>
    public void Add(string place, Tensor held, Tensor exact, Tensor? original = null)
        => Add(place, held.dtype.ToString().ToLowerInvariant(), (from, count) => Rows(held).narrow(0, from, count), exact, original);

    /// <summary>The same of a matrix in blocks.</summary>
    /// <exception cref="BadInputException">A number is beyond the range of the blocks.</exception>
    public void Add(string place, QuantizedWeight held, Tensor exact, Tensor? original = null)
        => Add(place, held.Kind, (from, count) => held.Dequantize(from, count, ScalarType.Float32).to(exact.device), exact, original);

    private void Add(string place, string form, Func<long, long, Tensor> held, Tensor exact, Tensor? original)
    {
        Count++;
        if (exact.NumberOfElements == 0) return;
        using var all = NewDisposeScope();
        (exact, original) = (Rows(exact), original is null ? null : Rows(original));
        long rows = exact.size(0), step = Math.Max(1, Portion / Math.Max(1, exact.NumberOfElements / rows));
        for (long from = 0; from < rows; from += step)
        {
            using var scope = NewDisposeScope();
            long count = Math.Min(step, rows - from);
            Tensor right = Wide(exact.narrow(0, from, count)), error = Wide(held(from, count)).reshape(right.shape).sub(right);
            var good = right.isfinite();
            error = OrZero(good, error); // a base's own NaN is no rounding
            double largest = error.abs().max().to(ScalarType.Float64).item<double>();
            if (!double.IsFinite(largest)) throw new BadInputException("a weight is beyond the range of the form that it would be held in",
                form, place, remedy: "Take float32 or bfloat16 (--dtype): their range is wider.");
            if (largest > Largest) (Largest, Worst) = (largest, place);
            _errors += Power(error);
            _weights += Power(OrZero(good, right));
            if (original is null) continue;
            var delta = right.sub(Wide(original.narrow(0, from, count)));
            _deltas += Power(OrZero(delta.isfinite(), delta));
        }
    }

    private double? Share(double of) => _errors == 0 ? 0 : of == 0 ? null : Math.Sqrt(_errors / of);

    private static Tensor Rows(Tensor x) => x.dim() == 0 ? x.reshape(1) : x;

    private static Tensor OrZero(Tensor good, Tensor x) => where(good, x, zeros_like(x));

    // Metal has no float64.
    private static Tensor Wide(Tensor x) => x.to_type(x.device_type == TorchSharp.DeviceType.MPS ? ScalarType.Float32 : ScalarType.Float64);

    private static double Power(Tensor x) => x.Squared().sum().to(ScalarType.Float64).item<double>();
}
