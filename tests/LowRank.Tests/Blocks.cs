using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>A model with the names of a Llama: two blocks of norms and two projections, a last norm, an output layer.</summary>
internal sealed class Blocks : nn.Module<Tensor, Tensor>
{
    private readonly List<nn.Module<Tensor, Tensor>> _chain = [];

    public Blocks() : base("Blocks")
    {
        random.manual_seed(11);
        var model = new Group("model");
        var layers = new Group("layers");
        for (int i = 0; i < 2; i++)
        {
            Group block = new("block"), attention = new("self_attn");
            block.register_module("input_layernorm", Next(new OwnNorm(6)));
            attention.register_module("q_proj", Next(new OwnLinear(6, 6, ScalarType.Float32)));
            attention.register_module("v_proj", Next(nn.Linear(6, 6)));
            block.register_module("self_attn", attention);
            block.register_module("post_attention_layernorm", Next(nn.LayerNorm(6)));
            layers.register_module($"{i}", block);
        }
        model.register_module("layers", layers);
        model.register_module("norm", Next(new OwnNorm(6)));
        register_module("model", model);
        register_module("lm_head", Next(new OwnLinear(6, 7, ScalarType.Float32, isOutput: true)));
    }

    public static Tensor Input => linspace(-2, 2, 24).reshape(4, 6);

    public override Tensor forward(Tensor x)
    {
        foreach (var layer in _chain) x = layer.call(x).tanh();
        return x;
    }

    // Modules that replace their parameters keep them outside torch's registry: walk the chain.
    public override IEnumerable<(string name, TorchSharp.Modules.Parameter parameter)> named_parameters(bool recurse = true)
        => _chain.SelectMany((m, i) => m.named_parameters(false).Select(p => ($"{i}.{p.name}", p.parameter)));

    public override IEnumerable<TorchSharp.Modules.Parameter> parameters(bool recurse = true) => named_parameters().Select(p => p.parameter);

    private nn.Module<Tensor, Tensor> Next(nn.Module<Tensor, Tensor> layer)
    {
        _chain.Add(layer);
        return layer;
    }

    private sealed class Group(string name) : nn.Module(name);
}

/// <summary>A host on <see cref="Blocks"/>, an adapter of random values on it, its folder, and what it computes.</summary>
internal sealed class FolderWorld : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public FolderWorld(LoraConfig? config = null)
    {
        Model = new Blocks();
        Host = AdapterHost.Attach(Model, "llama");
        Base = Model.call(Blocks.Input).detach();
        var made = Host.Add("made", config ?? new LoraConfig { Rank = 2, Alpha = 3, TargetModules = Selector.Of("q_proj", "v_proj") }, 1);
        made.Randomise();
        Output = Model.call(Blocks.Input).detach();
        Folder = Path.Combine(TestKit.Paths.Temporary(), "adapter");
        made.Save(Folder);
        Host.Delete("made");
    }

    public Blocks Model { get; }
    public AdapterHost Host { get; }
    public Tensor Base { get; }
    public Tensor Output { get; }
    public string Folder { get; }
    public string Config => Path.Combine(Folder, "adapter_config.json");
    public string Weights => Path.Combine(Folder, "adapter_model.safetensors");

    /// <summary>Writes the tensors anew; null leaves one out.</summary>
    public void Rewrite(Func<string, Tensor, (string, Tensor)?> change, string? into = null)
    {
        string aside = Weights + ".old";
        File.Move(Weights, aside);
        using (var file = SafetensorsFile.Open(aside))
            SafetensorsWriter.Write(into ?? Weights, [.. file.Names.Select(n => change(n, file.Get(n))).OfType<(string, Tensor)>()], new Dictionary<string, string> { ["format"] = "pt" });
        File.Delete(aside);
    }

    /// <summary>Replaces text in the configuration.</summary>
    public void Configure(string from, string to)
    {
        string text = File.ReadAllText(Config);
        Assert.Contains(from, text);
        File.WriteAllText(Config, text.Replace(from, to, StringComparison.Ordinal));
    }

    /// <summary>The largest difference between what the folder's adapter computes and what was saved.</summary>
    public float LoadedDistance()
    {
        Host.Load("loaded", Folder);
        Host.Activate(("loaded", 1));
        float distance = Model.call(Blocks.Input).sub(Output).abs().max().item<float>();
        Host.Delete("loaded");
        return distance;
    }

    /// <summary>What refuses the folder.</summary>
    public BadInputException Refusal(string? folder = null)
    {
        var error = Assert.Throws<BadInputException>(() => Host.Load("loaded", folder ?? Folder));
        Assert.Empty(Host.Adapters);
        return error;
    }

    public void Dispose()
    {
        Host.Detach();
        Model.Dispose();
        _scope.Dispose();
    }
}
