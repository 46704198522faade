using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The schedules that depend on the step alone: each gives the factor that the peak rate is multiplied with at a step.</summary>
internal static class RateFormulas
{
    public static Func<int, double> Linear(int warmup, int total)
        => AfterWarmup(warmup, step => Math.Max(0, (total - step) / (double)Math.Max(1, total - warmup)));

    public static Func<int, double> ConstantWithWarmup(int warmup) => AfterWarmup(warmup, static _ => 1);

    public static Func<int, double> Cosine(int warmup, int total, OptionReader options)
        => CosineTo(0, options.Number("num_cycles", 0.5), warmup, total);

    public static Func<int, double> CosineWithRestarts(int warmup, int total, OptionReader options)
    {
        double cycles = options.Number("num_cycles", 1);
        return AfterWarmup(warmup, step =>
        {
            double progress = Progress(step, warmup, total);
            return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
        });
    }

    public static Func<int, double> Polynomial(double peak, int warmup, int total, OptionReader options)
    {
        double end = options.Number("lr_end", 1e-7, 0), power = options.Number("power", 1);
        if (end >= peak)
            options.Refuse(new BadInputException("the last rate is not below the first", $"{end}", "lr_scheduler_kwargs.lr_end", $"less than learning_rate ({peak})"));
        return AfterWarmup(warmup, step =>
        {
            // A run that is all warm-up has no decay left: it ends at the last rate.
            double remaining = step >= total ? 0 : 1 - (step - warmup) / (double)(total - warmup);
            return ((peak - end) * Math.Pow(remaining, power) + end) / peak;
        });
    }

    public static Func<int, double> InverseSquareRoot(int warmup, OptionReader options)
    {
        int timescale = options.Integer("timescale", 0);
        if (timescale == 0) timescale = warmup == 0 ? 10_000 : warmup;
        return AfterWarmup(warmup, step => 1 / Math.Sqrt((step + timescale - warmup) / (double)timescale));
    }

    public static Func<int, double> CosineWithMinimum(double peak, int warmup, int total, OptionReader options)
    {
        double cycles = options.Number("num_cycles", 0.5);
        return CosineTo(MinimumFactor(peak, options), cycles, warmup, total);
    }

    /// <summary>Unlike its sibling the warm-up does not waste its first step on rate 0, and the last step reaches the minimum.</summary>
    public static Func<int, double> CosineWarmupWithMinimum(double peak, int warmup, int total, OptionReader options)
    {
        double cycles = options.Number("num_cycles", 0.5), minimum = MinimumFactor(peak, options);
        double? start = options.Optional("warmup_lr_rate", 0);
        return step =>
        {
            if (step < warmup)
                return start is { } s ? s + (1 - s) * step / Math.Max(1, warmup - 1) : (step + 1.0) / Math.Max(1, warmup);
            return Blend(Wave(cycles, Progress(step + 1, warmup, total)), minimum);
        };
    }

    public static Func<int, double> WarmupStableDecay(int warmup, int total, OptionReader options)
    {
        string[] shapes = ["linear", "cosine", "1-sqrt"];
        string rise = options.Choice("warmup_type", "linear", shapes), fall = options.Choice("decay_type", "cosine", shapes);
        double minimum = options.Number("min_lr_ratio", 0, 0), cycles = options.Number("num_cycles", 0.5);
        if (fall != "cosine") options.RefuseUnused("num_cycles", "Only decay_type: cosine has cycles.");
        if (!options.Has("num_decay_steps"))
            options.Refuse(new BadInputException("warmup_stable_decay needs to know how long it decays", place: "lr_scheduler_kwargs.num_decay_steps", expected: "a number of steps"));
        int decay = options.Integer("num_decay_steps", 0);
        int stable = options.Integer("num_stable_steps", Math.Max(0, total - warmup - decay));
        if (warmup + stable + decay > total)
            options.Refuse(new BadInputException("the three phases are longer than the run", $"{warmup} + {stable} + {decay}", "lr_scheduler_kwargs", $"warmup_steps + num_stable_steps + num_decay_steps of at most {total} steps"));
        return step =>
        {
            if (step < warmup) return Blend(Rise(rise, step / (double)Math.Max(1, warmup)), minimum);
            if (step < warmup + stable) return 1;
            if (step >= warmup + stable + decay) return minimum;
            double progress = (step - warmup - stable) / (double)Math.Max(1, decay);
            return Blend(fall switch { "linear" => 1 - progress, "cosine" => Wave(cycles, progress), _ => 1 - Math.Sqrt(progress) }, minimum);
        };
    }

    private static double Rise(string shape, double progress) => shape switch
    {
        "linear" => progress,
        "cosine" => 0.5 * (1 - Math.Cos(Math.PI * progress)),
        _ => 1 - Math.Sqrt(1 - progress),
    };

    private static Func<int, double> AfterWarmup(int warmup, Func<int, double> then)
        => step => step < warmup ? step / (double)Math.Max(1, warmup) : then(step);

    private static Func<int, double> CosineTo(double minimum, double cycles, int warmup, int total)
        => AfterWarmup(warmup, step => Blend(Wave(cycles, Progress(step, warmup, total)), minimum));

    private static double Progress(double step, int warmup, int total) => (step - warmup) / Math.Max(1, total - warmup);

    private static double Wave(double cycles, double progress) => 0.5 * (1 + Math.Cos(Math.PI * cycles * 2 * progress));

    private static double Blend(double factor, double minimum) => Math.Max(0, factor * (1 - minimum) + minimum);

    private static double MinimumFactor(double peak, OptionReader options)
    {
        double? rate = options.Optional("min_lr", 0), share = options.Optional("min_lr_rate", 0);
        if ((rate is null) == (share is null))
            options.Refuse(new BadInputException("the minimum must be given in one way", place: "lr_scheduler_kwargs", expected: "exactly one of min_lr (a rate) and min_lr_rate (a share of learning_rate)"));
        return rate is { } r ? (peak > 0 ? r / peak : 0) : share ?? 0;
    }
}
