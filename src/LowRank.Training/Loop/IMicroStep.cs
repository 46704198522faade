namespace LowRank.Training;

/// <summary>How a micro-batch's forward and backward pass are computed.</summary>
internal interface IMicroStep
{
    /// <summary>Accumulates the gradients of weight times the summed loss; returns the sum before weighting.</summary>
    TargetSums Run(Batch batch, double weight, long microStep);
}
