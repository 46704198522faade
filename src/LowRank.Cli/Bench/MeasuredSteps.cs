using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Cli.Bench;

/// <summary>Steps of a run as `train` computes them, timed; nothing is kept of it. The process is to do nothing else, as the peak memory is all of its.</summary>
internal static class MeasuredSteps
{
    private const string Other = "other";
    private static readonly string[] Products = ["projections", "attention", "output layer", "adapter gradients"]; // parts that are matrix products with what is done to their results

    /// <summary>Trains by a settings file; the first step warms up. The figures of the best one of the rest.</summary>
    /// <param name="config">run.yaml with max_steps of at least 2.</param>
    /// <param name="output">The run's folder, which must not exist.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="quiet">No progress.</param>
    public static JsonObject Run(string config, string output, Device device, bool quiet)
    {
        var settings = SettingsBinder.Bind(SettingsBinder.ReadYaml(config));
        var folder = new RunFolder(output);
        using var run = TrainingRun.Prepare(settings, folder, device, TokenEncoders.Texts(ModelPlace.Of(settings.Model), settings));
        run.Begin(force: false);
        List<IReadOnlyDictionary<string, double>> parts = [];
        run.OnStep = _ => parts.Add(StepClock.Take());
        StepClock.Enabled = true;
        run.Go(quiet, CancellationToken.None, save: false);

        int best = Enumerable.Range(1, run.Steps.Count - 1).MaxBy(i => run.Steps[i].TokensPerSecond);
        var step = run.Steps[best];
        var shown = new JsonObject([.. parts[best].Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))]);
        double products = parts[best].Where(p => Products.Any(part => p.Key.StartsWith(part, StringComparison.Ordinal))).Sum(p => p.Value);
        shown[Other] = Math.Max(0, step.Seconds - parts[best].Values.Sum());
        return new()
        {
            ["tokens_per_second"] = step.TokensPerSecond, ["step_seconds"] = step.Seconds, ["first_step_seconds"] = run.Steps[0].Seconds, ["share_of_ceiling"] = null, ["peak_bytes"] = run.Steps.Max(s => s.PeakMemory),
            ["path"] = run.Trainer.Path, ["path_reason"] = run.Trainer.PathReason, ["parameters"] = run.Parameters, ["trained_parameters"] = run.TrainedParameters, ["parts"] = shown,
            ["share_outside_products"] = products > 0 ? 1 - products / step.Seconds : null,
        };
    }
}
