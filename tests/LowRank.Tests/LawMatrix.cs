using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>The rows of the behaviour matrix: method x layer kind x dtype. A new method or kind is one entry.</summary>
internal static class LawMatrix
{
    public static readonly Dictionary<string, LoraConfig> Methods = new()
    {
        ["lora"] = new LoraConfig { Rank = 2, Alpha = 6 },
        ["rslora"] = new LoraConfig { Rank = 4, Alpha = 3, UseRsLora = true },
        ["dora"] = new LoraConfig { Rank = 2, Alpha = 5, UseDora = true },
        ["lora-bias"] = new LoraConfig { Rank = 2, Alpha = 3, LoraBias = true },
        ["trained-bias"] = new LoraConfig { Rank = 2, Alpha = 3, Bias = BiasTraining.All },
        ["dora-trained-bias"] = new LoraConfig { Rank = 2, Alpha = 3, UseDora = true, Bias = BiasTraining.LoraOnly },
        ["saved-head"] = new LoraConfig { Rank = 2, Alpha = 3, ModulesToSave = ["head"] },
        ["tokens"] = new LoraConfig { Rank = 2, Alpha = 3, TrainableTokens = [new("", [1, 4, 7])], TargetModules = Selector.Of("head") },
    };

    public static readonly Dictionary<string, Func<ScalarType, nn.Module<Tensor, Tensor>>> Kinds = new()
    {
        ["linear"] = d => nn.Linear(6, 5, dtype: d),
        ["linear-no-bias"] = d => nn.Linear(6, 5, hasBias: false, dtype: d),
        ["projection"] = d => new OwnLinear(6, 5, d),
        ["transposed"] = d => new OwnLinear(6, 5, d, transposed: true),
        ["embedding"] = d => nn.Embedding(9, 5, dtype: d),
        ["own-embedding"] = d => new OwnEmbedding(9, 5, d, 1.5),
        ["conv1d"] = d => nn.Conv1d(3, 4, 3, stride: 2, padding: 1, dtype: d),
        ["conv2d"] = d => nn.Conv2d(3, 4, (3, 1), (2, 1), (1, 0), dtype: d),
        ["conv2d-grouped"] = d => nn.Conv2d(4, 4, 3, padding: 1, groups: 2, dtype: d),
        ["conv3d"] = d => nn.Conv3d(2, 4, (1, 3, 3), (1, 1, 1), (0, 1, 1), dtype: d),
    };

    public static readonly ScalarType[] DTypes = [ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float64];

    public static IEnumerable<(string Method, string Kind, ScalarType DType)> Rows
        => from method in Methods.Keys from kind in Kinds.Keys from dtype in DTypes where Fits(method, kind) && Computes(kind, dtype) && (dtype == ScalarType.Float32 || method is "lora" or "dora" or "saved-head") select (method, kind, dtype);

    public static bool CanMerge(string method, string kind)
        => kind != "conv2d-grouped" && !(method == "lora-bias" && kind == "linear-no-bias");

    // libtorch 2.10's bfloat16 convolutions with kernels over 1 are wrong by themselves on some processors (errors of 10 on outputs of 10).
    private static bool Computes(string kind, ScalarType dtype) => dtype != ScalarType.BFloat16 || !kind.StartsWith("conv", StringComparison.Ordinal);

    private static bool Fits(string method, string kind) => method switch
    {
        "lora-bias" or "dora-trained-bias" => !kind.Contains("embedding", StringComparison.Ordinal),
        "tokens" => kind.Contains("embedding", StringComparison.Ordinal),
        _ => true,
    };
}

/// <summary>One row, made ready: a model with the layer nested in it, a host, an adapter with random values, an input.</summary>
internal sealed class Specimen : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public Specimen(string method, string kind, ScalarType dtype, bool randomise = true)
    {
        random.manual_seed(5);
        Kind = kind;
        var layer = LawMatrix.Kinds[kind](dtype);
        Input = kind switch
        {
            "embedding" or "own-embedding" => tensor(new long[] { 0, 1, 4, 8, 7, 1, 3, 2, 5 }).reshape(3, 3),
            "conv1d" => randn(3, 3, 8), "conv2d" => randn(3, 3, 6, 4), "conv2d-grouped" => randn(3, 4, 4, 4), "conv3d" => randn([3, 2, 2, 4, 4]),
            _ => randn(3, 2, 6),
        };
        if (Input.dtype != ScalarType.Int64) Input = Input.to_type(dtype);
        Model = new Nested(layer, Input, dtype);
        Host = AdapterHost.Attach(Model);
        using (Disabled()) BaseOutput = Model.call(Input).detach();
        var config = LawMatrix.Methods[method];
        Config = config with { TargetModules = config.TargetModules ?? Selector.Of("target") };
        Adapter = Add("one", 1, randomise);
    }

    public string Kind { get; }
    public Nested Model { get; }
    public Tensor Input { get; }
    public Tensor BaseOutput { get; }
    public AdapterHost Host { get; }
    public LoraConfig Config { get; }
    public Adapter Adapter { get; }

    public Tensor Run() => Model.call(Input);

    public Adapter Add(string name, ulong seed, bool randomise = true)
    {
        var adapter = Host.Add(name, Config, seed);
        if (randomise) adapter.Randomise();
        return adapter;
    }

    public IDisposable Disabled() => Host.Disabled();

    /// <summary>Every byte of the base, in order.</summary>
    public string Hash() => HashOf(Model);

    public static string HashOf(nn.Module model)
    {
        using var sha = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (var (name, parameter) in model.named_parameters())
        {
            sha.AppendData(System.Text.Encoding.UTF8.GetBytes($"{name} {parameter.dtype}"));
            sha.AppendData(parameter.detach().contiguous().bytes.ToArray());
        }
        return Convert.ToHexString(sha.GetHashAndReset());
    }

    public void Dispose()
    {
        Host.Detach();
        Model.Dispose();
        _scope.Dispose();
    }

    internal sealed class Nested : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> _target, _head;

        public Nested(nn.Module<Tensor, Tensor> target, Tensor input, ScalarType dtype) : base("Nested")
        {
            var block = new Group();
            block.register_module("target", _target = target);
            register_module("block", block);
            using var scope = NewDisposeScope();
            register_module("head", _head = nn.Linear(_target.call(input).flatten(1).size(1), 4, dtype: dtype));
        }

        public override Tensor forward(Tensor x) => _head.call(_target.call(x).tanh().flatten(1));

        // Modules that replace their parameters keep them outside torch's registry: walk the tree.
        public override IEnumerable<(string name, TorchSharp.Modules.Parameter parameter)> named_parameters(bool recurse = true)
            => named_modules().SelectMany(m => m.module is Group ? [] : m.module.named_parameters(false).Select(p => ($"{m.name}.{p.name}", p.parameter)));

        public override IEnumerable<TorchSharp.Modules.Parameter> parameters(bool recurse = true) => named_parameters().Select(p => p.parameter);
    }

    private sealed class Group() : nn.Module("Group");
}
