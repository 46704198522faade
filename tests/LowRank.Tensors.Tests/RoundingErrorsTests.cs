using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public class RoundingErrorsTests
{
    [Fact]
    public void A_single_number_is_noted_like_any_other()
    {
        using var scope = NewDisposeScope();
        var errors = new RoundingErrors();
        errors.Add("scale", tensor(1.25f), tensor(1.5, ScalarType.Float64), tensor(1.0, ScalarType.Float64));
        Assert.Equal((1, 0.25, "scale"), (errors.Count, errors.Largest, errors.Worst));
        Assert.Equal(0.25 / 1.5, errors.RelativeRms, 1e-15);
        Assert.Equal(0.25 / 0.5, errors.ShareOfDelta!.Value, 1e-15);
    }

    [Fact]
    public void What_was_no_number_before_counts_nowhere()
    {
        using var scope = NewDisposeScope();
        var errors = new RoundingErrors();
        double none = double.NaN;
        errors.Add("w", tensor([2.5, none, 4, 8]), tensor([3, none, 4, 8.0]), tensor([1, none, none, 8.0]));
        Assert.Equal(0.5, errors.Largest);
        Assert.Equal(0.5 / Math.Sqrt(9 + 16 + 64), errors.RelativeRms, 1e-15);
        Assert.Equal(0.5 / 2, errors.ShareOfDelta!.Value, 1e-15);
    }
}
