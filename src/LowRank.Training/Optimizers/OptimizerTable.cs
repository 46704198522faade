using System.Text.RegularExpressions;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Optimizers by Transformers' <c>optim</c> names.</summary>
public static partial class OptimizerTable
{
    private static readonly Dictionary<string, Func<IReadOnlyList<ParameterGroup>, OptionReader, Func<Optimizer>>> Table = new()
    {
        ["adamw_torch"] = AdamW,
        ["adamw_torch_fused"] = AdamW,
        ["adamw"] = AdamW,
        ["sgd"] = Sgd,
        ["adafactor"] = Adafactor,
        ["lion"] = Lion,
        ["lion_32bit"] = Lion,
    };

    /// <summary>The names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyCollection<string> Names => Table.Keys;

    /// <summary>Makes an optimizer.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="groups">What is trained; rate factors and weight decay are the groups'.</param>
    /// <param name="options">adamw: betas, eps. sgd: momentum, dampening, nesterov. adafactor: eps (a pair), clip_threshold, decay_rate, beta1, scale_parameter, relative_step, warmup_init. lion: betas. Null means the defaults.</param>
    /// <exception cref="BadInputException">The name or an option does not exist (near names are given), or a value is out of range.</exception>
    public static Optimizer Create(string name, IReadOnlyList<ParameterGroup> groups, IReadOnlyDictionary<string, object?>? options = null)
    {
        if (!Table.TryGetValue(name, out var read))
            throw new BadInputException("an optimizer that does not exist", name, "optim", "one of " + string.Join(", ", Names), NearNames.Sentence(name, Names));
        var reader = new OptionReader("optim_args", options);
        var make = read(groups, reader);
        reader.Finish();
        return make();
    }

    /// <summary>Reads options written as "a=1,b=(0.9,0.99)", the form of Transformers' <c>optim_args</c>; null or empty gives none.</summary>
    /// <exception cref="BadInputException">The text has another form.</exception>
    public static IReadOnlyDictionary<string, object?> ParseArguments(string? text)
    {
        var options = new Dictionary<string, object?>();
        if (string.IsNullOrWhiteSpace(text)) return options;
        if (!WholeArguments().IsMatch(text))
            throw new BadInputException("the optimizer's options cannot be read", text, "optim_args", "name=value pairs with commas between, such as betas=(0.9,0.99),eps=1e-6");
        foreach (Match match in Argument().Matches(text))
            options[match.Groups[1].Value] = match.Groups[2].Value.Trim();
        return options;
    }

    private static Func<Optimizer> AdamW(IReadOnlyList<ParameterGroup> groups, OptionReader options)
    {
        var (beta1, beta2) = Betas(options, 0.999);
        double epsilon = options.Number("eps", 1e-8, 0);
        return () => new AdamWOptimizer(groups, beta1, beta2, epsilon);
    }

    private static Func<Optimizer> Sgd(IReadOnlyList<ParameterGroup> groups, OptionReader options)
    {
        double momentum = options.Number("momentum", 0, 0), dampening = options.Number("dampening", 0);
        bool nesterov = options.Flag("nesterov", false);
        if (momentum == 0) options.RefuseUnused("dampening", "Give momentum as well.");
        return () => new SgdOptimizer(groups, momentum, dampening, nesterov);
    }

    private static Func<Optimizer> Adafactor(IReadOnlyList<ParameterGroup> groups, OptionReader options)
    {
        var defaults = new AdafactorOptions();
        var (square, scale) = options.Pair("eps", (defaults.SquareEpsilon, defaults.ScaleEpsilon));
        var read = new AdafactorOptions(square, scale, options.Number("clip_threshold", defaults.ClipThreshold, double.Epsilon),
            options.Number("decay_rate", defaults.DecayRate, -10, 0), options.Optional("beta1", 0, 1),
            options.Flag("scale_parameter", false), options.Flag("relative_step", false), options.Flag("warmup_init", false));
        if (!read.ScaleParameter && scale != defaults.ScaleEpsilon) options.RefuseUnused("eps", "Its second number is the least scale of a parameter: set scale_parameter: true as well.");
        return () => new AdafactorOptimizer(groups, read);
    }

    private static Func<Optimizer> Lion(IReadOnlyList<ParameterGroup> groups, OptionReader options)
    {
        var (beta1, beta2) = Betas(options, 0.99);
        return () => new LionOptimizer(groups, beta1, beta2);
    }

    // At 1 a running mean would never move (and Adam's correction would divide by 0).
    private static (double, double) Betas(OptionReader options, double second) => options.Pair("betas", (0.9, second), 0, Math.BitDecrement(1.0));

    private const string Pattern = @"\s*(\w+)\s*=\s*(\([^()]*\)|\[[^\[\]]*\]|[^,()\[\]]+)";

    [GeneratedRegex(Pattern)]
    private static partial Regex Argument();

    [GeneratedRegex("^" + Pattern + "(," + Pattern + @")*\s*$")]
    private static partial Regex WholeArguments();
}
