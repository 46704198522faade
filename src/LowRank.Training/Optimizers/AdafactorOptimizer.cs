using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>The settings of <see cref="AdafactorOptimizer"/>, with the names and defaults of Transformers' class except for the three switches, which are those of its trainer.</summary>
/// <param name="SquareEpsilon">Added to the squared gradient (first of <c>eps</c>).</param>
/// <param name="ScaleEpsilon">The least scale of a parameter (second of <c>eps</c>).</param>
/// <param name="ClipThreshold">The largest root mean square of an update.</param>
/// <param name="DecayRate">The exponent by which the memory of squared gradients grows; negative.</param>
/// <param name="Beta1">How much of the running update stays per step; null for no first moment.</param>
/// <param name="ScaleParameter">Whether the rate is multiplied with the parameter's root mean square.</param>
/// <param name="RelativeStep">Whether the rate follows from the step count; the rate given to a step is then not used.</param>
/// <param name="WarmupInit">Whether that rate starts small; needs <paramref name="RelativeStep"/>.</param>
public sealed record AdafactorOptions(double SquareEpsilon = 1e-30, double ScaleEpsilon = 1e-3, double ClipThreshold = 1, double DecayRate = -0.8,
    double? Beta1 = null, bool ScaleParameter = false, bool RelativeStep = false, bool WarmupInit = false);

/// <summary>Adafactor (arXiv 1804.04235): the second moment of a matrix is kept as its row and column means.</summary>
public sealed class AdafactorOptimizer : Optimizer
{
    private readonly AdafactorOptions _options;
    private readonly Scalar _squareEpsilon, _scaleEpsilon;
    private bool HasFirstMoment => _options.Beta1 is not null;

    /// <summary>Makes the optimizer and its state.</summary>
    /// <exception cref="BadInputException"><c>warmup_init</c> without <c>relative_step</c>.</exception>
    public AdafactorOptimizer(IReadOnlyList<ParameterGroup> groups, AdafactorOptions? options = null) : base(groups)
    {
        _options = options ?? new AdafactorOptions();
        if (_options is { WarmupInit: true, RelativeStep: false })
            throw new BadInputException("warmup_init needs relative_step", place: "optim_args.warmup_init", remedy: "Set relative_step to true, or use a schedule with warm-up steps.");
        (_squareEpsilon, _scaleEpsilon) = (Scalars.Of(_options.SquareEpsilon), Scalars.Of(_options.ScaleEpsilon));
        Prepare();
    }

    private protected override IReadOnlyList<string> SlotNames(Tensor target)
    {
        string[] second = target.dim() >= 2 ? ["exp_avg_sq_row", "exp_avg_sq_col"] : ["exp_avg_sq"];
        return HasFirstMoment ? ["step", .. second, "exp_avg"] : ["step", .. second];
    }

    private protected override Tensor[] NewState(Tensor target)
    {
        long[] shape = target.shape;
        Tensor[] second = shape.Length >= 2
            ? [zeros(shape[..^1], ScalarType.Float32, target.device), zeros([.. shape[..^2], shape[^1]], ScalarType.Float32, target.device)]
            : [ZerosLike(target)];
        return HasFirstMoment ? [NewCounter(CPU), .. second, ZerosLike(target)] : [NewCounter(CPU), .. second];
    }

    private protected override void Update(IReadOnlyList<Entry> entries, double rate, double weightDecay)
    {
        foreach (var entry in entries)
        {
            using var scope = NewDisposeScope();
            Update(entry, rate, weightDecay);
        }
    }

    private void Update(Entry entry, double rate, double weightDecay)
    {
        var counter = entry.State[0];
        counter.add_(Scalars.One, Scalars.One);
        double step = counter.item<float>();
        var scaledRate = Rate(entry.Target, rate, step);

        var update = Normalised(entry, 1 - Math.Pow(step, _options.DecayRate));
        update.div_(Ops.Scale(RootMeanSquare(update), 1 / _options.ClipThreshold).clamp_min(Scalars.One));
        update.mul_(scaledRate);
        if (_options.Beta1 is { } beta1)
        {
            var mean = entry.State[^1];
            Ops.ScaleInPlace(mean, beta1);
            Ops.AddScaledInPlace(mean, update, 1 - beta1);
            update = mean;
        }
        if (weightDecay != 0) Ops.AddScaledInPlace(entry.Target, entry.Target.mul(scaledRate), -weightDecay);
        entry.Target.sub_(update);
    }

    /// <summary>The gradient divided by the root of its squares' running mean.</summary>
    private Tensor Normalised(Entry entry, double beta)
    {
        var gradient = entry.Gradient;
        var squares = gradient.mul(gradient).add_(_squareEpsilon, Scalars.One);
        if (entry.Target.dim() < 2)
        {
            RunningMean(entry.State[1], squares, beta);
            return entry.State[1].rsqrt().mul_(gradient);
        }
        var (rows, columns) = (entry.State[1], entry.State[2]);
        RunningMean(rows, squares.mean([-1]), beta);
        RunningMean(columns, squares.mean([-2]), beta);
        var rowFactor = rows.div(rows.mean([-1], keepdim: true)).rsqrt().unsqueeze(-1);
        return rowFactor.mul(columns.unsqueeze(-2).rsqrt()).mul_(gradient);
    }

    /// <summary>The step's rate for this parameter, a 0-d tensor: nothing is read back from the device.</summary>
    private Tensor Rate(Tensor target, double rate, double step)
    {
        if (_options.RelativeStep) rate = Math.Min(_options.WarmupInit ? 1e-6 * step : 1e-2, 1 / Math.Sqrt(step));
        if (!_options.ScaleParameter) return tensor(rate, ScalarType.Float32, target.device);
        return Ops.Scale(RootMeanSquare(target).clamp_min(_scaleEpsilon), rate);
    }

    private static void RunningMean(Tensor mean, Tensor value, double beta)
    {
        Ops.ScaleInPlace(mean, beta);
        Ops.AddScaledInPlace(mean, value, 1 - beta);
    }

    private static Tensor RootMeanSquare(Tensor t) => Ops.Scale(Ops.NormOf([t]), 1 / Math.Sqrt(t.NumberOfElements));
}
