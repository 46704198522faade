using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

public class SchedulesTests
{
    private static readonly JsonArray Cases = JsonNode.Parse(File.ReadAllText(Paths.Golden("training-parts/schedules.json")))!["schedules"]!.AsArray();

    public static IEnumerable<TheoryDataRow<int>> AllCases()
        => Cases.Select((c, i) => new TheoryDataRow<int>(i) { TestDisplayName = $"{i} {c!["name"]} {c["kwargs"]?.ToJsonString()}" });

    [Theory]
    [MemberData(nameof(AllCases))]
    public void Rates_are_those_of_the_reference(int index)
    {
        var golden = Cases[index]!;
        double[] expected = golden["lr"].Deserialize<double[]>()!;
        double[]? metrics = golden["metrics"]?.Deserialize<double[]>();
        var schedule = Make(golden);
        Assert.Equal(metrics is not null, schedule.NeedsMetric);
        for (int step = 0; step < expected.Length; step++)
        {
            Assert.Equal(expected[step], schedule.Rate(step), 1e-9 * Math.Max(1e-3, Math.Abs(expected[step])));
            if (metrics is not null) schedule.Observe(metrics[step]);
        }
    }

    [Theory]
    [MemberData(nameof(AllCases))]
    public void Restoring_the_state_continues_with_the_same_bits(int index)
    {
        var golden = Cases[index]!;
        int count = golden["lr"]!.AsArray().Count;
        double[]? metrics = golden["metrics"]?.Deserialize<double[]>();
        var whole = Make(golden);
        var part = Make(golden);
        for (int step = 0; step < count; step++)
        {
            var resumed = Make(golden);
            resumed.Restore(JsonNode.Parse(part.State().ToJsonString())!.AsObject());
            part = resumed;
            Assert.Equal(whole.Rate(step), part.Rate(step));
            if (metrics is null) continue;
            whole.Observe(metrics[step]);
            part.Observe(metrics[step]);
        }
    }

    [Fact]
    public void Greedy_smooths_and_starts_anew_after_a_long_time_at_the_minimum()
    {
        var schedule = Schedule.Create("greedy", 0.1, 0, 9, new Dictionary<string, object?>
        {
            ["factor"] = 0.5, ["patience"] = 0, ["min_lr"] = 0.05, ["reset_start"] = 3, ["smooth"] = true, ["window_size"] = 2,
        });
        double[] metrics = [1, 2, 2, 2, 2, 2], rates = [0.2, 0.1, 0.05, 0.05, 0.1, 0.2];
        for (int i = 0; i < metrics.Length; i++)
        {
            schedule.Observe(metrics[i]);
            Assert.Equal(rates[i], schedule.Rate(i), 1e-12);
        }
    }

    [Fact]
    public void An_unknown_name_is_refused_with_near_names()
    {
        var error = Assert.Throws<BadInputException>(() => Schedule.Create("cosin", 1e-3, 0, 10));
        Assert.Equal("cosin", error.Value);
        Assert.Contains("'cosine'", error.Remedy);
    }

    [Fact]
    public void All_wrong_options_are_named_at_once()
    {
        var error = Assert.Throws<BadInputException>(() => Schedule.Create("warmup_stable_decay", 1e-3, 2, 10, new Dictionary<string, object?>
        {
            ["decay_typ"] = "linear", ["warmup_type"] = "round", ["num_decay_steps"] = 2.5,
        }));
        Assert.Contains("'decay_type'", error.Message);
        Assert.Contains("round", error.Message);
        Assert.Contains("2.5", error.Message);
    }

    [Theory]
    [InlineData("constant", "num_cycles", 1.0)]
    [InlineData("cosine_with_min_lr", "num_cycles", 1.0)]
    [InlineData("polynomial", "lr_end", 1.0)]
    [InlineData("warmup_stable_decay", "num_decay_steps", 11)]
    [InlineData("warmup_stable_decay", "min_lr_ratio", 0.1)]
    public void Options_that_do_not_fit_are_refused(string name, string key, object value)
        => Assert.Throws<BadInputException>(() => Schedule.Create(name, 1e-3, 0, 10, new Dictionary<string, object?> { [key] = value }));

    [Fact]
    public void Negative_rates_and_warmups_and_damaged_states_are_refused()
    {
        Assert.Throws<BadInputException>(() => Schedule.Create("linear", -1, 0, 10));
        Assert.Throws<BadInputException>(() => Schedule.Create("linear", double.NaN, 0, 10));
        Assert.Throws<BadInputException>(() => Schedule.Create("linear", 1, -1, 10));
        Assert.Throws<BadInputException>(() => Schedule.Create("reduce_lr_on_plateau", 1, 0, 10).Restore(new JsonObject { ["rate"] = "x" }));
    }

    private static Schedule Make(JsonNode golden) => Schedule.Create((string)golden["name"]!, (double)golden["learning_rate"]!,
        (int)golden["num_warmup_steps"]!, (int)golden["num_training_steps"]!, Options(golden["kwargs"]));

    internal static Dictionary<string, object?>? Options(JsonNode? node) => node?.AsObject().ToDictionary(p => p.Key, p => p.Value?.GetValueKind() switch
    {
        null or JsonValueKind.Null => null,
        JsonValueKind.String => (object?)p.Value!.GetValue<string>(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Array => p.Value!.Deserialize<double[]>(),
        _ => p.Value!.GetValue<double>(),
    });
}
