namespace LowRank;

/// <summary>What merging did.</summary>
/// <param name="Parameters">Count of weights and biases that were replaced.</param>
/// <param name="LargestRounding">The largest absolute error that rounding to the stored dtype made; 0 where the base is float32.</param>
/// <param name="WorstParameter">The parameter that has it; null where nothing was rounded.</param>
public sealed record MergeReport(int Parameters, double LargestRounding, string? WorstParameter);
