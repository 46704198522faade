using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Cli;

/// <summary>Options that many verbs share.</summary>
/// <param name="dtype">What a verb's help says of its own --dtype.</param>
internal sealed class CommonOptions(string? dtype = null)
{
    /// <summary>What --dtype is to training.</summary>
    public const string TrainingDtype
        = "what is computed in: float32, bfloat16, or auto (which is the default): bfloat16 where the processor has the instructions";

    /// <summary>--model</summary>
    public Option<string> Model { get; } = new("--model") { Description = "a Hugging Face folder (also one of its cache), a GGUF file, or an embedded model's name (outlet)" };
    /// <summary>--adapter A[=SCALE], repeatable.</summary>
    public Option<string[]> Adapter { get; } = new("--adapter") { Description = "an adapter folder and its strength: FOLDER or FOLDER=0.5; repeatable", DefaultValueFactory = _ => [] };
    /// <summary>--device</summary>
    public Option<string> Device { get; } = new("--device") { Description = "auto, cpu, cuda[:N] or mps", DefaultValueFactory = _ => "auto" };
    /// <summary>--dtype</summary>
    public Option<string> Dtype { get; } = new("--dtype")
    {
        Description = dtype ?? "float32 (the reference's numbers), bfloat16, or auto: bfloat16 where the processor has the instructions",
        DefaultValueFactory = dtype is null ? _ => "float32" : null,
    };
    /// <summary>--quantize</summary>
    public Option<string?> Quantize { get; } = new("--quantize") { Description = "how the projections' weights are held: keep (the file's own blocks), none (expanded), or quantised on loading: nf4, nf4-double, fp4, int8, q8_0, q4_k, ..." };
    /// <summary>--seed</summary>
    public Option<long> Seed { get; } = new("--seed") { Description = "what everything random is a function of" };
    /// <summary>--threads</summary>
    public Option<int> Threads { get; } = new("--threads") { Description = "threads of a matrix product; 0: all cores" };
    /// <summary>--quiet</summary>
    public Option<bool> Quiet { get; } = new("--quiet") { Description = "no progress" };
    /// <summary>--json</summary>
    public Option<bool> Json { get; } = new("--json") { Description = "one JSON document on standard output" };

    /// <summary>Adds all of them to a verb.</summary>
    public CommonOptions AddTo(Command verb, bool model = true, bool compute = true)
    {
        if (model) verb.Options.Add(Model);
        if (model && compute) verb.Options.Add(Adapter);
        if (compute) foreach (var option in (Option[])[Device, Dtype, Quantize, Seed, Threads]) verb.Options.Add(option);
        verb.Options.Add(Quiet);
        verb.Options.Add(Json);
        return this;
    }

    /// <summary>Applies --threads and gives the device.</summary>
    public Device Prepare(ParseResult parsed)
    {
        int threads = parsed.GetValue(Threads);
        if (threads < 0) throw new BadInputException("a value out of range", threads.ToString(CultureInfo.InvariantCulture), "--threads", "0 (all cores) or more");
        NativeTensors.EnsureLoaded();
        if (threads > 0) set_num_threads(threads);
        return Processor.ParseDevice(parsed.GetValue(Device)!);
    }

    /// <summary>The value of --quantize; null: as the model is stored.</summary>
    public string? Quantization(ParseResult parsed)
    {
        string? choice = parsed.GetValue(Quantize);
        if (choice is not null) QuantizeChoice.Check(choice, "--quantize");
        return choice;
    }

    /// <summary>FOLDER or FOLDER=SCALE, each folder once, however it is spelt.</summary>
    public IReadOnlyList<(string Path, double Strength)> Adapters(ParseResult parsed)
    {
        List<(string Path, double Strength)> adapters = [.. parsed.GetValue(Adapter)!.Select(One)];
        if (adapters.GroupBy(a => RealPath.Of(a.Path)).FirstOrDefault(g => g.Count() > 1) is { } same)
            throw new BadInputException("an adapter is given twice", string.Join(" and ", same.Select(a => a.Path)), Adapter.Name, "each adapter once", "Give it once, with the sum of the strengths.");
        return adapters;
    }

    private static (string Path, double Strength) One(string text)
    {
        int at = text.LastIndexOf('=');
        if (at < 0 || Directory.Exists(text)) return (text, 1.0);
        return double.TryParse(text[(at + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out double strength) && double.IsFinite(strength)
            ? (text[..at], strength)
            : throw new BadInputException("an adapter's strength is not a number", text[(at + 1)..], "--adapter " + text, "FOLDER or FOLDER=NUMBER");
    }

    /// <summary>The value of --model, which a verb cannot do without.</summary>
    public string RequireModel(ParseResult parsed) => Require(parsed, Model);

    /// <summary>The value of an option that a verb cannot do without.</summary>
    public static string Require(ParseResult parsed, Option<string> option)
        => parsed.GetValue(option) is { Length: > 0 } value ? value : throw Missing(parsed, option);

    /// <summary>The error that an option is missing.</summary>
    public static BadInputException Missing(ParseResult parsed, Option option)
        => new("an option is missing", place: option.Name, expected: option.Description, remedy: $"See `lowrank {parsed.CommandResult.Command.Name} --help`.");
}
