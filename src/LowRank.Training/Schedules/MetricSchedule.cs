using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What the schedules share that follow an evaluation metric: the best value so far and counters of good, bad and waiting evaluations.</summary>
internal abstract class MetricSchedule(double learningRate, bool maximise, double threshold, bool relative) : Schedule
{
    protected double Current = learningRate;
    protected double Best = maximise ? double.NegativeInfinity : double.PositiveInfinity;
    protected int Bad, Good, Cooldown, Warmup;

    public override bool NeedsMetric => true;

    public override double Rate(int step) => Current;

    protected double WorstPossible => maximise ? double.NegativeInfinity : double.PositiveInfinity;

    protected bool IsBetter(double metric) => (maximise, relative) switch
    {
        (false, true) => metric < Best * (1 - threshold),
        (false, false) => metric < Best - threshold,
        (true, true) => metric > Best * (1 + threshold),
        (true, false) => metric > Best + threshold,
    };

    public override JsonObject State() => new()
    {
        ["rate"] = Current,
        // JSON has no infinity; text keeps the value exact.
        ["best"] = Best.ToString("R", CultureInfo.InvariantCulture),
        ["bad"] = Bad,
        ["good"] = Good,
        ["cooldown"] = Cooldown,
        ["warmup"] = Warmup,
    };

    public override void Restore(JsonObject state)
    {
        Current = Read<double>(state, "rate");
        Best = double.Parse(Read<string>(state, "best"), CultureInfo.InvariantCulture);
        (Bad, Good) = (Read<int>(state, "bad"), Read<int>(state, "good"));
        (Cooldown, Warmup) = (Read<int>(state, "cooldown"), Read<int>(state, "warmup"));
    }

    protected static T Read<T>(JsonObject state, string key)
    {
        try
        {
            return state[key] is { } node && node.Deserialize<T>() is { } value ? value : throw new JsonException("it is missing");
        }
        catch (JsonException e)
        {
            throw new BadInputException("the saved state of the learning-rate schedule is damaged: " + e.Message, place: key, remedy: "Resume from another checkpoint.", inner: e);
        }
    }
}
