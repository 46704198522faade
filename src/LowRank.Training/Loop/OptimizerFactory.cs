using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>Builds a run's optimiser from its settings.</summary>
internal static class OptimizerFactory
{
    /// <summary>One group for all tensors, or LoRA+'s groups.</summary>
    public static Optimizer Create(RunSettings s, IReadOnlyList<TrainedTensor> tensors)
    {
        var groups = s.LoraplusLrRatio is { } ratio
            ? LoraPlus.Groups(tensors.Select(t => (t.Key, t.Tensor, t.IsB, t.IsEmbedding)), s.LearningRate, ratio, s.LoraplusLrEmbedding, s.WeightDecay)
            : [new ParameterGroup("all", [.. tensors.Select(t => t.Tensor)], 1, s.WeightDecay)];
        Dictionary<string, object?> options = new(s.OptimArgs.ToOptions() ?? new Dictionary<string, object?>());
        if (s.Optim.StartsWith("adamw", StringComparison.Ordinal))
        {
            options.TryAdd("betas", new[] { s.AdamBeta1, s.AdamBeta2 });
            options.TryAdd("eps", s.AdamEpsilon);
        }
        return OptimizerTable.Create(s.Optim, groups, options);
    }

    /// <summary>A settings section as plain values.</summary>
    public static IReadOnlyDictionary<string, object?>? ToOptions(this JsonObject? section)
        => section?.ToDictionary(p => p.Key, p => p.Value is JsonValue v
            ? v.GetValueKind() switch
            {
                System.Text.Json.JsonValueKind.Number => double.Parse(v.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture),
                System.Text.Json.JsonValueKind.True => true,
                System.Text.Json.JsonValueKind.False => false,
                System.Text.Json.JsonValueKind.Null => null,
                _ => (object?)v.GetValue<string>(),
            }
            : null);
}
