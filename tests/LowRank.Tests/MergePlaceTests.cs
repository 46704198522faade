using LowRank.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>Merging where something else happens to the model meanwhile: each case right, or refused at the call.</summary>
public sealed class MergePlaceTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    [Fact]
    public void Two_hosts_on_one_module_are_refused_at_the_second_whichever_is_inside()
    {
        var model = new Net();
        var outer = AdapterHost.Attach(model);
        Assert.Contains("a module of this model has an adapter host already", Assert.Throws<BadInputException>(()
            => AdapterHost.Attach(model.block)).Message);
        Assert.Contains("has an adapter host already", Assert.Throws<BadInputException>(() => AdapterHost.Attach(model.block.lin)).Message);
        outer.Detach();
        var inner = AdapterHost.Attach(model.block);
        Assert.Contains("block", Assert.Throws<BadInputException>(() => AdapterHost.Attach(model)).Value);
        AdapterHost.Attach(model.head).Detach(); // beside it, another may
        inner.Detach();
        AdapterHost.Attach(model).Detach();
    }

    [Fact]
    public void A_model_converted_while_merged_has_the_base_s_converted_weights_after_unmerging()
    {
        var model = nn.Sequential(("l", nn.Linear(6, 5)), ("n", nn.Linear(5, 5)));
        var host = AdapterHost.Attach(model);
        LoraConfig config = new() { TargetModules = Selector.Of("l", "n"), Bias = BiasTraining.All, Alpha = 3, Rank = 2 };
        host.Add("a", config, 1).Randomise();
        string[] names = ["l.weight", "l.bias", "n.weight", "n.bias"];
        var before = names.Select(n => Parameter(model, n).detach().clone()).ToArray();
        string exact = Specimen.HashOf(model);
        host.Merge();
        model.to(ScalarType.Float64);
        host.Unmerge();
        foreach (var (name, old) in names.Zip(before))
        {
            Assert.Equal(ScalarType.Float64, Parameter(model, name).dtype);
            Assert.Equal(0, Parameter(model, name).sub(old.to_type(ScalarType.Float64)).abs().max().item<double>());
        }
        Assert.True(model.call(ones(1, 6, ScalarType.Float64)).isfinite().all().item<bool>()); // attached again, trained biases too
        model.to(ScalarType.Float32);
        host.Merge();
        model.to(ScalarType.BFloat16);
        model.to(ScalarType.Float32); // back again: then the very bits
        host.Unmerge();
        Assert.Equal(exact, Specimen.HashOf(model));
        host.Detach();
        Assert.All(names, n => Assert.True(Parameter(model, n).requires_grad));
    }

    [Fact]
    public void A_module_replaced_after_attaching_is_refused_wherever_the_adapter_would_act()
    {
        var model = new Net();
        var host = AdapterHost.Attach(model);
        host.Add("a", new LoraConfig { TargetModules = Selector.Of("lin"), Rank = 2 }, 1).Randomise();
        model.call(ones(1, 6));
        var old = model.block.lin;
        string before = Specimen.HashOf(old);
        model.block.lin = nn.Linear(6, 6);
        foreach (Action act in (Action[])[() => host.Merge(), () => model.call(ones(1, 6)), () => host.Activate(("a", 0.5)), ()
            => host.Rows(["a"]), () => host.Hold("a generation"),
            () => host.Add("b", new LoraConfig { TargetModules = Selector.Of("lin") }, 1)])
        {
            var e = Assert.Throws<BadInputException>(act);
            Assert.Contains("this module was replaced", e.Message);
            Assert.Equal("block.lin", e.Value);
            Assert.Contains("Detach()", e.Remedy);
        }
        Assert.Equal(before, Specimen.HashOf(old));
        model.block.lin = old; // the remedy
        host.Merge();
        host.Unmerge();
        model.block = new Block(); // a parent of it
        Assert.Equal("block", Assert.Throws<BadInputException>(() => host.Merge()).Value);
        host.Detach();
        Assert.Equal(before, Specimen.HashOf(old));
    }

    [Fact]
    public void A_module_replaced_in_a_list_is_seen_too()
    {
        var list = new ModuleList<nn.Module<Tensor, Tensor>>(nn.Linear(4, 4), nn.Linear(4, 4));
        var model = new Chain(list);
        var host = AdapterHost.Attach(model);
        host.Add("a", new LoraConfig { TargetModules = Selector.AllLinear, Rank = 2 }, 1).Randomise();
        list[1] = nn.Linear(4, 4);
        Assert.EndsWith("1", Assert.Throws<BadInputException>(() => host.Merge()).Value);
    }

    [Fact]
    public void An_embedding_that_rewrites_its_rows_takes_no_adapter_of_any_sort()
    {
        foreach (var (config, place) in ((LoraConfig, string)[])
        [
            (new LoraConfig { TargetModules = Selector.Of("e") }, "target_modules"),
            (new LoraConfig { TargetModules = Selector.Of("e"), UseDora = true }, "target_modules"),
            (new LoraConfig { TargetModules = Selector.Of("l"), ModulesToSave = ["e"] }, "modules_to_save"),
            (new LoraConfig { TargetModules = Selector.Of("l"), TrainableTokens = [new("", [1, 2])] }, "trainable_token_indices"),
        ])
            foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            {
                var model = nn.Sequential(("e", nn.Embedding(9, 5, max_norm: 0.5, dtype: dtype)), ("l", nn.Linear(5, 5, dtype: dtype)));
                string before = Specimen.HashOf(model);
                var e = Assert.Throws<BadInputException>(() => AdapterHost.Attach(model).Add("a", config, 1));
                Assert.Contains("max_norm", e.Message);
                Assert.Equal(("e", place), (e.Value, e.Place));
                Assert.Equal(before, Specimen.HashOf(model));
            }
        var plain = nn.Sequential(("e", nn.Embedding(9, 5, padding_idx: 0)), ("l", nn.Linear(5, 5)));
        string hash = Specimen.HashOf(plain);
        AdapterHost.Attach(plain).Add("a", new LoraConfig { TargetModules = Selector.Of("e") }, 1);
        Assert.Equal(hash, Specimen.HashOf(plain));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_model_disposed_while_merged_can_still_be_let_go(bool own)
    {
        nn.Module<Tensor, Tensor> layer = own ? new OwnLinear(6, 5, ScalarType.Float32) : nn.Linear(6, 5);
        var model = nn.Sequential(("l", layer));
        var host = AdapterHost.Attach(model);
        host.Add("a", new LoraConfig { TargetModules = Selector.Of("l") }, 1).Randomise();
        host.Merge();
        model.Dispose();
        host.Detach();
        host.Detach();
        Assert.Throws<ObjectDisposedException>(() => host.Merge());
    }

    [Fact]
    public void A_dtype_that_torch_s_modules_cannot_hold_is_refused_and_nothing_changed()
    {
        var model = nn.Sequential(("l", nn.Linear(6, 5, dtype: ScalarType.BFloat16)));
        var host = AdapterHost.Attach(model);
        host.Add("a", new LoraConfig { TargetModules = Selector.Of("l") }, 1).Randomise();
        string before = Specimen.HashOf(model);
        var e = Assert.Throws<BadInputException>(() => host.Merge(MergeInto.DType(ScalarType.Float32)));
        Assert.Equal(("Float32", "l.weight", "BFloat16"), (e.Value, e.Place, e.Expected));
        Assert.False(host.IsMerged);
        Assert.Equal(before, Specimen.HashOf(model));
        Assert.Equal(["bfloat16"], host.Merge().HeldIn);
        host.Detach();
        Assert.Equal(before, Specimen.HashOf(model));
    }

    [Fact]
    public void A_merge_that_fails_half_way_leaves_the_base_as_it_was()
    {
        var stubborn = new StubbornLinear();
        var model = nn.Sequential(("a", new OwnLinear(6, 6, ScalarType.Float32)), ("b", nn.Linear(6, 6)), ("c", stubborn),
            ("d", nn.Linear(6, 6)));
        var host = AdapterHost.Attach(model);
        host.Add("a", new LoraConfig { TargetModules = Selector.Of("a", "b", "c", "d"), Rank = 2 }, 1).Randomise();
        string before = Specimen.HashOf(model);
        var own = Parameter(model, "a.weight");
        var attached = model.call(ones(1, 6));
        stubborn.Refuses = true;
        Assert.Equal("not now", Assert.Throws<InvalidOperationException>(() => host.Merge()).Message);
        Assert.False(host.IsMerged);
        Assert.Equal(before, Specimen.HashOf(model));
        Assert.Same(own, Parameter(model, "a.weight"));
        Assert.Equal(0, model.call(ones(1, 6)).sub(attached).abs().max().item<float>()); // the adapter acts
        stubborn.Refuses = false;
        host.Merge();
        Assert.NotEqual(before, Specimen.HashOf(model));
        host.Detach();
        Assert.Equal(before, Specimen.HashOf(model));
    }

    public void Dispose() => _scope.Dispose();

    private static Parameter Parameter(nn.Module model, string name) => model.named_parameters().First(p => p.name == name).parameter;

    internal sealed class Net : nn.Module<Tensor, Tensor>
    {
        public Block block = new();
        public Linear head = nn.Linear(6, 3);

        public Net() : base("Net") => RegisterComponents();

        public override Tensor forward(Tensor x) => head.call(block.call(x));
    }

    internal sealed class Block : nn.Module<Tensor, Tensor>
    {
        public Linear lin = nn.Linear(6, 6);

        public Block() : base("Block") => RegisterComponents();

        public override Tensor forward(Tensor x) => lin.call(x).tanh();
    }

    private sealed class StubbornLinear : OwnModule, ILinearLayer
    {
        public StubbornLinear() : base("StubbornLinear") => Put("weight", new Parameter(randn(6, 6)));

        public bool Refuses { get; set; }
        public Parameter Weight => Own["weight"];
        public Parameter? Bias => null;
        public bool Transposed => false;
        public bool IsOutputEmbedding => false;

        public (Parameter? Weight, Parameter? Bias) Replace(Parameter? weight, Parameter? bias = null)
            => Refuses ? throw new InvalidOperationException("not now") : (Put("weight", weight!), null);

        public override Tensor forward(Tensor x) => nn.functional.linear(x, Weight);
    }

    private sealed class Chain : nn.Module<Tensor, Tensor>
    {
        private readonly ModuleList<nn.Module<Tensor, Tensor>> _parts;

        public Chain(ModuleList<nn.Module<Tensor, Tensor>> parts) : base("Chain") => register_module("parts", _parts = parts);

        public override Tensor forward(Tensor x) => _parts.Aggregate(x, (y, part) => part.call(y));
    }
}
