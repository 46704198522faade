using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Parameters that share their settings within an optimizer.</summary>
/// <param name="Name">Unique within the optimizer; saved states are named after it.</param>
/// <param name="Parameters">The trained tensors, any shape, in a stable order.</param>
/// <param name="RateFactor">What the step's learning rate is multiplied with.</param>
/// <param name="WeightDecay">The decay coefficient; 0 for none.</param>
public sealed record ParameterGroup(string Name, IReadOnlyList<Tensor> Parameters, double RateFactor = 1, double WeightDecay = 0);
