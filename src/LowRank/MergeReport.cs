namespace LowRank;

/// <summary>What merging did.</summary>
/// <param name="Parameters">Count of weights and biases that were replaced.</param>
/// <param name="LargestRounding">The largest absolute error that rounding (or quantising again) made; 0 where all of it is held in float32.</param>
/// <param name="WorstParameter">The parameter that has it; null where nothing was rounded.</param>
/// <param name="RelativeRms">‖held − exact‖ / ‖exact‖ over the rounded weights, exact being the base's own (of a quantised base its expanded) values plus the adapters'.</param>
/// <param name="ShareOfDelta">‖held − exact‖ / ‖what the adapters add‖ over the rounded weights: at 1 the rounding is as large as everything that was learnt. Null where they add nothing.</param>
public sealed record MergeReport(int Parameters, double LargestRounding, string? WorstParameter, double RelativeRms = 0, double? ShareOfDelta = 0);

/// <summary>What merging makes of a quantised weight.</summary>
public enum QuantizedMerge
{
    /// <summary>A plain float32 weight: exactly its expanded values plus the adapters', what training saw. Eight times the memory of 4 bits.</summary>
    Float32,
    /// <summary>A plain bfloat16 weight, rounded once.</summary>
    BFloat16,
    /// <summary>Blocks of the same kind, quantised again: small, but rounded as coarsely as the base was.</summary>
    SameKind,
}
