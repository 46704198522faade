namespace LowRank;

/// <summary>What merging did: how far the weights that are held now are from the exact sums, worked out in float64 and so told of float32
/// too.</summary>
/// <param name="Parameters">Count of weights and biases that were replaced.</param>
/// <param name="LargestRounding">The largest absolute error that rounding (or quantising again) made.</param>
/// <param name="WorstParameter">The parameter that has it; null where nothing was rounded.</param>
/// <param name="RelativeRms">‖held − exact‖ / ‖exact‖ over the merged weights, exact being the base's own (of a quantised base its
/// expanded) values plus the adapters'.</param>
/// <param name="ShareOfDelta">‖held − exact‖ / ‖what the adapters add‖ over the merged weights: at 1 the rounding is as large as everything
/// that was learnt. Null where they add nothing.</param>
public sealed record MergeReport(int Parameters, double LargestRounding, string? WorstParameter, double RelativeRms = 0,
    double? ShareOfDelta = 0)
{
    /// <summary>The dtypes and kinds of blocks that the merged weights are held in: float32, bfloat16, q8_0, ...</summary>
    public IReadOnlyList<string> HeldIn { get; init; } = [];
    /// <summary>Whether rounding took more than half as much as the adapters add: little of what was learnt is left then.</summary>
    public bool LosesMost => ShareOfDelta > 0.5;
}
