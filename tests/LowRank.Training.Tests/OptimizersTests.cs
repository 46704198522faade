using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

public class OptimizersTests
{
    private static readonly string[] Names = ["s", "v", "w"];
    private static readonly JsonObject[] Cases = [.. JsonNode.Parse(File.ReadAllText(Paths.Golden("training-parts/optimizers.json")))!["optimizers"]!.AsArray().Select(c => c!.AsObject())];

    public static TheoryData<string> Matched =>
    [
        "adamw", "adamw-fast", "sgd", "sgd-momentum", "sgd-nesterov", "sgd-dampening",
        "adafactor", "adafactor-momentum", "adafactor-relative", "adafactor-warmup", "lion",
    ];

    [Theory]
    [MemberData(nameof(Matched))]
    public void Steps_are_those_of_the_reference(string name)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Paths.Golden("training-parts/optimizers.safetensors"));
        var parameters = Start(file);
        using var optimizer = Make(name, parameters);
        for (int step = 0; step < 5; step++)
        {
            SetGradients(file, parameters, step);
            optimizer.Step(Rate(name));
            optimizer.ZeroGradients();
            for (int i = 0; i < Names.Length; i++)
                Close(file.Get($"{name}.step{step}.{Names[i]}"), parameters[i], 1e-6, $"{name} step {step} {Names[i]}");
        }
    }

    [Theory]
    [MemberData(nameof(Matched))]
    public void A_restored_state_continues_with_the_same_bits(string name)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Paths.Golden("training-parts/optimizers.safetensors"));
        var whole = Start(file);
        using var first = Make(name, whole);
        for (int step = 0; step < 2; step++) { SetGradients(file, whole, step); first.Step(Rate(name)); }

        Tensor[] resumed = [.. whole.Select(p => p.detach().clone().requires_grad_(true))];
        using var second = Make(name, resumed);
        second.Restore(first.State().ToDictionary(s => s.Name, s => s.Tensor.clone()));
        for (int step = 2; step < 5; step++)
        {
            SetGradients(file, whole, step);
            SetGradients(file, resumed, step);
            first.Step(Rate(name));
            second.Step(Rate(name));
        }
        for (int i = 0; i < Names.Length; i++) Assert.Equal(whole[i].data<float>().ToArray(), resumed[i].data<float>().ToArray());
        Assert.Equal(first.State().Select(s => s.Name), second.State().Select(s => s.Name));
    }

    [Theory]
    [MemberData(nameof(Matched))]
    public void A_parameter_without_a_gradient_and_its_state_are_left_alone(string name)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Paths.Golden("training-parts/optimizers.safetensors"));
        var parameters = Start(file);
        using var optimizer = Make(name, parameters);
        SetGradients(file, parameters, 0);
        optimizer.Step(Rate(name));
        float[] before = parameters[1].data<float>().ToArray(), moved = parameters[2].data<float>().ToArray();
        var state = optimizer.State().Where(s => s.Name.StartsWith("all.1.")).Select(s => s.Tensor.clone()).ToList();

        SetGradients(file, parameters, 1);
        parameters[1].grad = null;
        optimizer.Step(Rate(name));
        Assert.Equal(before, parameters[1].data<float>().ToArray());
        Assert.NotEqual(moved, parameters[2].data<float>().ToArray());
        Assert.Equal(state.Select(s => s.data<float>().ToArray()), optimizer.State().Where(s => s.Name.StartsWith("all.1.")).Select(s => s.Tensor.data<float>().ToArray()));
    }

    [Fact]
    public void Zeroing_drops_the_gradients()
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Paths.Golden("training-parts/optimizers.safetensors"));
        var parameters = Start(file);
        using var optimizer = Make("adamw", parameters);
        SetGradients(file, parameters, 0);
        optimizer.ZeroGradients();
        Assert.All(parameters, p => Assert.Null(p.grad));
        optimizer.Step(1);
        Assert.Equal(file.Get("start.w").data<float>().ToArray(), parameters[2].data<float>().ToArray());
    }

    [Fact]
    public void Groups_have_their_own_rate_and_decay()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (ones(3).requires_grad_(true), ones(3).requires_grad_(true));
        using var optimizer = OptimizerTable.Create("sgd", [new("a", [a]), new("b", [b], RateFactor: 3, WeightDecay: 0.5)]);
        (a.grad, b.grad) = (tensor(new float[] { 2, 0, -1 }), tensor(new float[] { 2, 0, -1 }));
        optimizer.Step(0.1);
        Assert.Equal([0.8f, 1f, 1.1f], a.data<float>().ToArray(), Near);
        Assert.Equal([1 - 0.3f * 2.5f, 1 - 0.3f * 0.5f, 1 + 0.3f * 0.5f], b.data<float>().ToArray(), Near);
    }

    [Fact]
    public void Small_steps_on_bfloat16_parameters_add_up()
    {
        using var scope = NewDisposeScope();
        var p = ones(4, dtype: ScalarType.BFloat16).requires_grad_(true);
        using var optimizer = OptimizerTable.Create("sgd", [new("all", [p])]);
        for (int i = 0; i < 100; i++)
        {
            p.grad = ones(4, dtype: ScalarType.BFloat16);
            optimizer.Step(1e-4); // a fortieth of what bfloat16 can resolve at 1
        }
        Assert.Equal(0.99f, p.to_type(ScalarType.Float32).data<float>()[0], 2e-3f);
        Assert.Equal(0.99f, optimizer.State().Single(s => s.Name == "all.0.master").Tensor.data<float>()[0], 1e-5f);
    }

    [Theory]
    [InlineData("clip1.0", 1.0)]
    [InlineData("clip0.1", 0.1)]
    public void Clipping_is_that_of_the_reference(string name, double maximum)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Paths.Golden("training-parts/optimizers.safetensors"));
        var parameters = Start(file);
        SetGradients(file, parameters, 0);
        double before = Math.Sqrt(parameters.Sum(p => p.grad!.data<float>().ToArray().Sum(g => (double)g * g)));
        Assert.Equal(before, GradientClip.Norm(parameters, maximum), 1e-6 * before);
        for (int i = 0; i < Names.Length; i++) Close(file.Get($"{name}.{Names[i]}"), parameters[i].grad!, 1e-6, name);
    }

    [Fact]
    public void Clipping_leaves_short_gradients_and_missing_ones()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (ones(2).requires_grad_(true), ones(2).requires_grad_(true));
        Assert.Equal(0, GradientClip.Norm([a, b], 1));
        a.grad = tensor(new float[] { 0.3f, -0.4f });
        Assert.Equal(0.5, GradientClip.Norm([a, b], 1), 1e-7);
        Assert.Equal([0.3f, -0.4f], a.grad.data<float>().ToArray());
        Assert.Equal(0.5, GradientClip.Norm([a, b], double.PositiveInfinity), 1e-7);
    }

    [Fact]
    public void LoraPlus_sorts_as_PEFT_does()
    {
        using var scope = NewDisposeScope();
        Tensor a = ones(2, 4), b = ones(4, 2), bias = ones(4), norm = ones(4), magnitude = ones(4), embedding = ones(2, 9);
        var groups = LoraPlus.Groups(
        [
            ("q_proj.lora_A.weight", a, false, false), ("q_proj.lora_B.weight", b, true, false), ("q_proj.bias", bias, false, false),
            ("input_layernorm.weight", norm, false, false), ("q_proj.lora_magnitude_vector", magnitude, false, false), ("embed_tokens.lora_embedding_A", embedding, false, true),
        ], learningRate: 2e-4, ratio: 16, weightDecay: 0.01);
        Assert.Equal(["A", "embedding", "B", "B_no_decay"], groups.Select(g => g.Name));
        Assert.Equal([a], groups[0].Parameters);
        Assert.Equal([embedding], groups[1].Parameters);
        Assert.Equal([b, magnitude], groups[2].Parameters);
        Assert.Equal([bias, norm], groups[3].Parameters);
        Assert.Equal([1, 1e-6 / 2e-4, 16, 16], groups.Select(g => g.RateFactor));
        Assert.Equal([0.01, 0.01, 0.01, 0], groups.Select(g => g.WeightDecay));
    }

    [Fact]
    public void Bad_names_options_groups_and_states_are_refused()
    {
        using var scope = NewDisposeScope();
        var p = ones(2, 2).requires_grad_(true);
        ParameterGroup[] groups = [new("all", [p])];
        Assert.Contains("'adamw_torch'", Assert.Throws<BadInputException>(() => OptimizerTable.Create("adamw_troch", groups)).Remedy);
        Assert.Contains("'betas'", Assert.Throws<BadInputException>(() => OptimizerTable.Create("adamw", groups, new Dictionary<string, object?> { ["beta"] = 1 })).Message);
        Assert.Throws<BadInputException>(() => OptimizerTable.Create("adamw", groups, new Dictionary<string, object?> { ["betas"] = "0.9,1" }));
        Assert.Throws<BadInputException>(() => OptimizerTable.Create("sgd", groups, new Dictionary<string, object?> { ["nesterov"] = true }));
        Assert.Throws<BadInputException>(() => OptimizerTable.Create("adafactor", groups, new Dictionary<string, object?> { ["warmup_init"] = "true" }));
        Assert.Throws<ArgumentException>(() => OptimizerTable.Create("sgd", [new("all", [p, p])]));
        Assert.Throws<ArgumentException>(() => OptimizerTable.Create("sgd", []));
        using var optimizer = OptimizerTable.Create("lion", groups);
        var error = Assert.Throws<BadInputException>(() => optimizer.Restore(new Dictionary<string, Tensor> { ["all.0.exp_avg"] = ones(3), ["more"] = ones(1) }));
        Assert.Contains("[3]", error.Message);
        Assert.Contains("more", error.Message);
    }

    [Fact]
    public void Optimizer_arguments_are_read_from_text()
    {
        var read = OptimizerTable.ParseArguments("betas=(0.8, 0.95), eps=1e-6,nesterov=true");
        Assert.Equal(["betas", "eps", "nesterov"], read.Keys);
        Assert.Equal("(0.8, 0.95)", read["betas"]);
        Assert.Empty(OptimizerTable.ParseArguments(null));
        Assert.Throws<BadInputException>(() => OptimizerTable.ParseArguments("betas"));
    }

    [Fact]
    public void Steps_survive_a_busy_garbage_collector()
    {
        using var stop = new CancellationTokenSource();
        var busy = new Thread(() => { while (!stop.IsCancellationRequested) GC.KeepAlive(new byte[200][].Select(_ => new byte[5000]).ToArray()); });
        busy.Start();
        try
        {
            using var scope = NewDisposeScope();
            Tensor[] parameters = [rand(8, 16).requires_grad_(true), rand(8).requires_grad_(true)];
            foreach (string name in new[] { "adamw", "sgd", "adafactor", "lion" })
            {
                using var optimizer = OptimizerTable.Create(name, [new("all", parameters, 1, 0.01)], name == "sgd" ? new Dictionary<string, object?> { ["momentum"] = 0.9 } : null);
                for (int i = 0; i < 300; i++)
                {
                    using var inner = NewDisposeScope();
                    foreach (var p in parameters) p.grad = rand(p.shape);
                    GradientClip.Norm(parameters, 1);
                    optimizer.Step(1e-3);
                    optimizer.ZeroGradients();
                }
                Assert.All(parameters, p => Assert.All(p.data<float>().ToArray(), v => Assert.True(float.IsFinite(v))));
            }
        }
        finally { stop.Cancel(); busy.Join(); }
    }

    private static readonly Func<float, float, bool> Near = (x, y) => Math.Abs(x - y) < 1e-6f;

    private static Tensor[] Start(SafetensorsFile file) => [.. Names.Select(n => file.Get("start." + n).clone().requires_grad_(true))];

    private static void SetGradients(SafetensorsFile file, Tensor[] parameters, int step)
    {
        for (int i = 0; i < Names.Length; i++) parameters[i].grad = file.Get($"grad{step}.{Names[i]}").clone();
    }

    private static JsonObject Options(string name) => Cases.Single(c => (string)c["name"]! == name)["options"]!.AsObject();

    private static double Rate(string name) => (double?)Options(name)["lr"] ?? 0;

    private static Optimizer Make(string name, Tensor[] parameters)
    {
        var options = SchedulesTests.Options(Options(name))!;
        double decay = options.Remove("weight_decay", out object? d) ? (double)d! : name.StartsWith("adamw") ? 0.01 : 0;
        options.Remove("lr");
        string table = name.Split('-')[0] is var head && head == "adamw" ? "adamw_torch" : head;
        return OptimizerTable.Create(table, [new("all", parameters, 1, decay)], options);
    }

    private static void Close(Tensor expected, Tensor actual, double tolerance, string what)
    {
        float[] e = expected.data<float>().ToArray(), a = actual.data<float>().ToArray();
        double scale = Math.Max(1, e.Max(Math.Abs)), worst = e.Zip(a, (x, y) => Math.Abs((double)x - y)).Max();
        Assert.True(worst <= tolerance * scale, $"{what}: off by {worst}");
    }
}
