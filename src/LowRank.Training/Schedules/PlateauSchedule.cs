namespace LowRank.Training;

/// <summary>reduce_lr_on_plateau: multiplies the rate with <c>factor</c> after more than <c>patience</c> evaluations without a better value.</summary>
internal sealed class PlateauSchedule : MetricSchedule
{
    private readonly double _factor, _minimum, _epsilon;
    private readonly int _patience, _cooldown;

    public PlateauSchedule(double learningRate, OptionReader options)
        : base(learningRate, options.Choice("mode", "min", "min", "max") == "max", options.Number("threshold", 1e-4, 0),
            options.Choice("threshold_mode", "rel", "rel", "abs") == "rel")
    {
        _factor = options.Number("factor", 0.1, 0, 1);
        _minimum = options.Number("min_lr", 0, 0);
        _epsilon = options.Number("eps", 1e-8, 0);
        _patience = options.Integer("patience", 10);
        _cooldown = options.Integer("cooldown", 0);
    }

    public override void Observe(double metric)
    {
        if (IsBetter(metric)) (Best, Bad) = (metric, 0);
        else Bad++;
        if (Cooldown > 0) (Cooldown, Bad) = (Cooldown - 1, 0);
        if (Bad <= _patience) return;
        double reduced = Math.Max(Current * _factor, _minimum);
        if (Current - reduced > _epsilon) Current = reduced;
        (Cooldown, Bad) = (_cooldown, 0);
    }
}
