using System.CommandLine;
using System.Globalization;
using LowRank.Cli.Bench;
using LowRank.Tensors;
using TorchSharp;

namespace LowRank.Cli.Verbs;

/// <summary>`bench train`: this machine's ceiling and how close training comes to it, as ratios from one run. `bench step` measures one way of training in a process of its own.</summary>
internal sealed class BenchVerb
{
    private readonly CommonOptions _common = new(CommonOptions.TrainingDtype);
    private readonly Option<string> _shape = new("--shape") { Description = string.Join(", ", TrainBench.Shapes) + ": a published model's sizes with random weights (smollm2-135m)" };
    private readonly Option<int> _batch = new("--batch") { Description = "rows of a step", DefaultValueFactory = _ => 4 };
    private readonly Option<int> _length = new("--length") { Description = "tokens of a row (512, or as many as the model has positions)" };
    private readonly Option<int> _rank = new("--rank") { Description = "the adapter's rank, on all linear layers", DefaultValueFactory = _ => 16 };
    private readonly Option<string> _quantize = new("--quantize") { Description = "what qlora's base is kept in: nf4, int8, q4_0 and others", DefaultValueFactory = _ => "nf4" };
    private readonly Option<string> _modes = new("--modes") { Description = "which of " + string.Join(",", TrainBench.Modes), DefaultValueFactory = _ => string.Join(",", TrainBench.Modes) };
    private readonly Option<int> _steps = new("--steps") { Description = "steps of each mode after the one that warms up; the best counts", DefaultValueFactory = _ => 5 };
    private readonly Option<string> _memory = new("--memory") { Description = "the run's setting `memory`, such as 1GB" };

    public static Command Create() => new("bench", "This machine's ceiling and how close a workload comes to it.") { Train(), Step() };

    private static Command Train()
    {
        var options = new BenchVerb();
        var verb = new Command("train", "Speed, share of the matrix product's rate, memory and parts of training steps: LoRA, QLoRA, all weights.")
        {
            options._shape, options._batch, options._length, options._rank, options._quantize, options._modes, options._steps, options._memory,
        };
        options._common.AddTo(verb);
        foreach (var unused in (Option[])[options._common.Adapter, options._common.Quantize, options._common.Seed]) verb.Options.Remove(unused);
        verb.SetAction(options.Run);
        return verb;
    }

    private int Run(ParseResult parsed)
    {
        var request = Request(parsed);
        var report = TrainBench.Run(request, CommandLine.Stop);
        if (parsed.GetValue(_common.Json)) Output.Json(report);
        else TrainBenchTable.Show(report);
        return request.Modes.Any(m => (bool?)report[m]!["failed"] ?? false) ? 1 : 0;
    }

    private TrainBenchRequest Request(ParseResult parsed)
    {
        string? shape = parsed.GetValue(_shape), model = parsed.GetValue(_common.Model);
        List<BadInputException> errors = [];
        if (shape is not null && model is not null) errors.Add(new("a shape has weights of its own", place: "--shape", remedy: "Give one of --shape and --model."));
        if (shape is not null && !TrainBench.Shapes.Contains(shape)) errors.Add(new("there is no such shape", shape, "--shape", string.Join(", ", TrainBench.Shapes), NearNames.Sentence(shape, TrainBench.Shapes)));
        int AtLeast(Option<int> option, int least)
        {
            int value = parsed.GetValue(option);
            if (value < least) errors.Add(new("a value out of range", value.ToString(CultureInfo.InvariantCulture), option.Name, $"{least} or more"));
            return value;
        }
        string[] modes = [.. parsed.GetValue(_modes)!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct()];
        if (!modes.Contains("qlora")) errors.AddRange(parsed.Unused("It is what qlora's base is kept in: add qlora to --modes.", _quantize));
        if (modes is ["full"]) errors.AddRange(parsed.Unused("Only lora and qlora have adapters.", _rank));
        if (modes.Length == 0 || modes.FirstOrDefault(m => !TrainBench.Modes.Contains(m)) is not null)
            errors.Add(new("there is no such mode", modes.FirstOrDefault(m => !TrainBench.Modes.Contains(m)) ?? "nothing", "--modes", string.Join(", ", TrainBench.Modes)));
        string device = parsed.GetValue(_common.Device)!, dtype = parsed.GetValue(_common.Dtype) ?? "auto";
        if (device is not ("auto" or "cpu")) errors.Add(new("the processor is what is measured", device, "--device", "cpu"));
        if (dtype is not ("auto" or "float32" or "bfloat16")) errors.Add(new("an unknown dtype", dtype, "--dtype", "auto, float32 or bfloat16"));
        TrainBenchRequest request = new()
        {
            Shape = model is null ? shape ?? TrainBench.Shapes[0] : null, Model = model, Batch = AtLeast(_batch, 1), Length = parsed.IsGiven(_length) ? AtLeast(_length, 2) : null, Rank = AtLeast(_rank, 1),
            Steps = AtLeast(_steps, 1), Threads = AtLeast(_common.Threads, 0), Modes = modes, Dtype = dtype, Quantize = parsed.GetValue(_quantize)!, Memory = parsed.GetValue(_memory), Quiet = parsed.GetValue(_common.Quiet),
        };
        return errors.Count == 0 ? request : throw BadInputException.All("the command line cannot be used", errors, "lowrank bench train");
    }

    private static Command Step()
    {
        Option<string> config = new("--config") { Description = "the settings of the steps", Required = true };
        Option<string> output = new("--output") { Description = "a folder for the run", Required = true };
        var common = new CommonOptions();
        var verb = new Command("step", "Steps of one run, measured in this process (bench train starts it).") { config, output };
        verb.Hidden = true;
        common.AddTo(verb, model: false);
        verb.SetAction(parsed =>
        {
            CommandLine.OnInterrupt = () => true; // the process that started this one ends it, and says so once
            try
            {
                Output.Json(MeasuredSteps.Run(parsed.GetValue(config)!, parsed.GetValue(output)!, common.Prepare(parsed), parsed.GetValue(common.Quiet)));
                return 0;
            }
            catch (BadInputException e) // said there too
            {
                Output.Json(TrainBench.Pack(e));
                return 2;
            }
        });
        return verb;
    }
}
