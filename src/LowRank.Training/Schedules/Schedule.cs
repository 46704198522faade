using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>How the learning rate changes over a run; names, options and numbers are those of Transformers' <c>lr_scheduler_type</c>.</summary>
public abstract class Schedule
{
    private delegate Schedule Maker(double learningRate, int warmupSteps, int totalSteps, OptionReader options);

    private static readonly Dictionary<string, Maker> Table = new()
    {
        ["linear"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.Linear(w, t)),
        ["cosine"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.Cosine(w, t, o)),
        ["cosine_with_restarts"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.CosineWithRestarts(w, t, o)),
        ["polynomial"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.Polynomial(r, w, t, o)),
        ["constant"] = (r, w, t, o) => new FormulaSchedule(r, static _ => 1),
        ["constant_with_warmup"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.ConstantWithWarmup(w)),
        ["inverse_sqrt"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.InverseSquareRoot(w, o)),
        ["cosine_with_min_lr"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.CosineWithMinimum(r, w, t, o)),
        ["cosine_warmup_with_min_lr"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.CosineWarmupWithMinimum(r, w, t, o)),
        ["warmup_stable_decay"] = (r, w, t, o) => new FormulaSchedule(r, RateFormulas.WarmupStableDecay(w, t, o)),
        ["reduce_lr_on_plateau"] = (r, w, t, o) => new PlateauSchedule(r, o),
        ["greedy"] = (r, w, t, o) => new GreedySchedule(r, o),
    };

    /// <summary>The names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyCollection<string> Names => Table.Keys;

    /// <summary>Whether a schedule begins with a rising rate where warm-up steps are asked for.</summary>
    internal static bool HasWarmup(string name) => name is not ("constant" or "reduce_lr_on_plateau" or "greedy");

    /// <summary>Makes a schedule.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="learningRate">The peak rate, at least 0.</param>
    /// <param name="warmupSteps">Steps at the start in which the rate rises from 0; the constant and the two metric schedules have none.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run.</param>
    /// <param name="kwargs">Options as in <c>lr_scheduler_kwargs</c>; null means none.</param>
    /// <exception cref="BadInputException">The name or an option does not exist (near names are given), or a value is out of range.</exception>
    public static Schedule Create(string name, double learningRate, int warmupSteps, int totalSteps, IReadOnlyDictionary<string, object?>? kwargs = null)
    {
        if (!Table.TryGetValue(name, out var make))
            throw new BadInputException("a learning-rate schedule that does not exist", name, "lr_scheduler_type", "one of " + string.Join(", ", Names), NearNames.Sentence(name, Names));
        var options = new OptionReader("lr_scheduler_kwargs", kwargs);
        if (!(learningRate >= 0) || double.IsInfinity(learningRate))
            options.Refuse(new BadInputException("the learning rate is out of range", learningRate.ToString(CultureInfo.InvariantCulture), "learning_rate", "a finite number of at least 0"));
        if (warmupSteps < 0)
            options.Refuse(new BadInputException("the warm-up is out of range", warmupSteps.ToString(CultureInfo.InvariantCulture), "warmup_steps", "a number of at least 0"));
        var schedule = make(learningRate, warmupSteps, totalSteps, options);
        options.Finish();
        return schedule;
    }

    /// <summary>The rate to use for the optimizer step <paramref name="step"/>, counted from 0.</summary>
    public abstract double Rate(int step);

    /// <summary>Whether the rate depends on <see cref="Observe"/>, that is, whether the run must evaluate.</summary>
    public virtual bool NeedsMetric => false;

    /// <summary>Tells the schedule a new evaluation result; the formula schedules ignore it.</summary>
    public virtual void Observe(double metric) { }

    /// <summary>What <see cref="Restore"/> needs to go on as if never interrupted; empty for the formula schedules.</summary>
    public virtual JsonObject State() => [];

    /// <summary>Takes back what <see cref="State"/> gave.</summary>
    /// <exception cref="BadInputException">A value is missing or of the wrong kind.</exception>
    public virtual void Restore(JsonObject state) { }

    private sealed class FormulaSchedule(double learningRate, Func<int, double> factor) : Schedule
    {
        public override double Rate(int step) => learningRate * factor(step);
    }
}
