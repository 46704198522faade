using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What each change of a run would save, by planning it anew.</summary>
public static class PlanAdvice
{
    /// <summary>Changes that lower the peak of <paramref name="plan"/>, the most helpful first, each as a sentence with what it leaves of memory and time.</summary>
    /// <param name="model">The base.</param>
    /// <param name="adapter">What is trained; null: all weights.</param>
    /// <param name="request">What the plan was made for.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="available">Bytes that it should fit.</param>
    public static IReadOnlyList<string> For(CausalLM model, Adapter? adapter, PlanRequest request, RunPlan plan, long available)
    {
        var settings = request.Settings;
        List<(string Change, RunPlan Plan)> changes = [];
        void Try(string change, PlanRequest other) => changes.Add((change, Planner.Make(model, adapter, other)));

        if (request.Limit is null) Try($"memory: {ByteSize.Show(available).Replace(" ", "", StringComparison.Ordinal)} (smaller slices, blocks run again; the same results)", request with { Limit = available });
        if (adapter is not null && settings.Quantize is null && !model.IsQuantized) Try("quantize: nf4", request with { Quantize = "nf4", Settings = settings with { Quantize = "nf4" } });
        if (plan.Path == "autograd" && !settings.GradientCheckpointing && request.Limit is null) Try("gradient_checkpointing: true", request with { Settings = settings with { GradientCheckpointing = true } });
        if (plan.Path == "autograd" && request.Rows > 1 && request.Limit is null)
            Try(Invariant($"batch_size: {(request.Rows + 1) / 2} and gradient_accumulation_steps: {settings.GradientAccumulationSteps * 2}"), request with { Rows = (request.Rows + 1) / 2 });
        if (request.Length > 64) Try(Invariant($"max_length: {request.Length / 2}"), request with { Length = request.Length / 2 });
        var helpful = changes.Where(c => c.Plan.PeakBytes < plan.PeakBytes - 1_000_000).OrderBy(c => c.Plan.PeakBytes).ToList();
        List<string> advice = [.. helpful.Select(c => $"Set {c.Change}: {ByteSize.Show(c.Plan.PeakBytes)} instead of {ByteSize.Show(plan.PeakBytes)}{(c.Plan.PeakBytes <= available ? ", which fits" : "")}{Seconds(c.Plan)}.")];
        long factors = plan.Memory.Where(m => m.Part is "adapter" or "optimiser").Sum(m => m.Bytes);
        if (adapter is null) advice.Insert(0, "Train an adapter instead of all weights: gradients, moments and float32 copies of the weights fall away.");
        else if (settings.Adapter?["r"] is JsonValue r && r.TryGetValue(out int rank) && rank > 1 && factors > plan.PeakBytes / 20)
            advice.Add(Invariant($"Set adapter.r: {rank / 2}: about {ByteSize.Show(factors / 2.0)} less."));
        return advice;

        string Seconds(RunPlan other) => plan.Time.Count == 0 ? "" : Invariant($", {other.StepSeconds:0.###} s a step instead of {plan.StepSeconds:0.###} s");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
