using System.Globalization;
using System.Text.Json;
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
            options["betas"] = options.GetValueOrDefault("betas") ?? new[] { s.AdamBeta1, s.AdamBeta2 };
            options["eps"] = options.GetValueOrDefault("eps") ?? s.AdamEpsilon;
        }
        return OptimizerTable.Create(s.Optim, groups, options);
    }

    /// <summary>A settings section as plain values: lists stay lists, and what is neither number, text, switch nor list stays JSON, which no option takes.</summary>
    public static IReadOnlyDictionary<string, object?>? ToOptions(this JsonObject? section) => section?.ToDictionary(p => p.Key, p => Plain(p.Value));

    private static object? Plain(JsonNode? node) => node switch
    {
        JsonArray list => list.Select(Plain).ToArray(),
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.Number => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => value.GetValue<string>(),
        },
        _ => node,
    };
}
