namespace LowRank.Training;

/// <summary>How long a run is.</summary>
/// <param name="StepsPerEpoch">Optimiser steps of one pass over the data.</param>
/// <param name="TotalSteps">Optimiser steps of the whole run.</param>
public sealed record RunLength(int StepsPerEpoch, int TotalSteps)
{
    /// <summary>The length of a run over rows.</summary>
    public static RunLength Of(RunSettings settings, RowSet rows) => Of(settings,
        new Batcher(MemoryRows.Of(rows.Rows), BatchOptions.Of(settings)).BatchesPerEpoch);

    /// <summary>The length of a run of so many micro-batches an epoch.</summary>
    internal static RunLength Of(RunSettings settings, long batches)
    {
        long epoch = (batches + settings.GradientAccumulationSteps - 1) / settings.GradientAccumulationSteps;
        double total = settings.MaxSteps > 0 ? settings.MaxSteps : Math.Ceiling(settings.NumTrainEpochs * epoch);
        return total <= int.MaxValue ? new((int)epoch, (int)total)
            : throw new Tensors.BadInputException("the run has more steps than can be counted",
                total.ToString("0", System.Globalization.CultureInfo.InvariantCulture), "num_train_epochs",
                $"at most {int.MaxValue} steps");
    }
}
