using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>greedy (arXiv 2512.14527): divides the rate by <c>factor</c> while the metric improves, multiplies it while it does not, and starts anew after a long time at the minimum.</summary>
internal sealed class GreedySchedule : MetricSchedule
{
    private readonly double _factor, _minimum, _maximum, _epsilon, _start;
    private readonly int _patience, _cooldown, _warmup, _window, _resetAfter;
    private int _untilReset;
    private List<double> _recent = [];

    public GreedySchedule(double learningRate, OptionReader options)
        : base(learningRate, options.Choice("mode", "min", "min", "max") == "max", options.Number("threshold", 1e-6, 0),
            options.Choice("threshold_mode", "abs", "rel", "abs") == "rel")
    {
        _start = learningRate;
        _factor = options.Number("factor", 0.95, 1e-9, 0.999999999);
        _minimum = options.Number("min_lr", 1e-3, 0);
        _maximum = options.Number("max_lr", 1, 0);
        _epsilon = options.Number("eps", 1e-8, 0);
        _patience = options.Integer("patience", 10);
        _cooldown = options.Integer("cooldown", 0);
        _warmup = options.Integer("warmup", 0);
        bool smooth = options.Flag("smooth", false);
        int window = options.Integer("window_size", 50, 1);
        if (!smooth) options.RefuseUnused("window_size", "Set smooth: true as well.");
        _window = smooth ? window : 1;
        _untilReset = _resetAfter = options.Integer("reset_start", 500);
        options.Flag("verbose", false); // accepted so that recipes carry over; the run's log holds every rate
    }

    public override void Observe(double metric)
    {
        _recent.Add(metric);
        if (_recent.Count > _window) _recent.RemoveAt(0);
        metric = _recent.Average();
        if (Cooldown > 0 || Warmup > 0)
        {
            if (Cooldown > 0) Cooldown--;
            else Warmup--;
            (Good, Bad) = (0, 0);
            return;
        }
        if (IsBetter(metric)) (Best, Bad, Good) = (metric, 0, Good + 1);
        else (Bad, Good) = (Bad + 1, 0);
        if (Good > _patience) Increase();
        else if (Bad > _patience) Reduce();
    }

    private void Increase()
    {
        double raised = Math.Min(Current / _factor, _maximum);
        if (raised - Current > _epsilon) Current = raised;
        _untilReset = _resetAfter;
        (Warmup, Good) = (_warmup, 0);
    }

    private void Reduce()
    {
        double reduced = Math.Max(Current * _factor, _minimum);
        if (Current - reduced > _epsilon) Current = reduced;
        if (Current <= _minimum && --_untilReset <= 0) Reset();
        (Cooldown, Bad) = (_cooldown, 0);
    }

    private void Reset()
    {
        (Current, Best, Bad, Good, Cooldown, Warmup) = (_start, WorstPossible, 0, 0, 0, 0);
        _untilReset = _resetAfter;
        _recent = [];
    }

    public override JsonObject State()
    {
        var state = base.State();
        state["until_reset"] = _untilReset;
        state["recent"] = new JsonArray([.. _recent.Select(v => (JsonNode)v)]);
        return state;
    }

    public override void Restore(JsonObject state)
    {
        base.Restore(state);
        _untilReset = Read<int>(state, "until_reset");
        _recent = Read<List<double>>(state, "recent");
    }
}
