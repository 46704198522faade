using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

public class WeightsTests
{
    public static TheoryData<string> Models => ModelGolden.All;

    [Theory]
    [MemberData(nameof(Models))]
    public void Parameters_have_the_files_names_and_shapes(string name)
    {
        using var golden = new ModelGolden(name);
        using var file = SafetensorsFile.Open(Path.Combine(golden.Folder, "model.safetensors"));
        string[] expected = [.. file.Names.Select(n => $"{n} [{string.Join(", ", file.Shape(n)!)}]").Order(StringComparer.Ordinal)];
        Assert.Equal(expected, golden.Model.Weights().Select(w => $"{w.Name} [{string.Join(", ", w.Parameter.shape)}]").Order(StringComparer.Ordinal));
        Assert.Equal(expected, golden.Model.named_parameters().Select(w => $"{w.name} [{string.Join(", ", w.parameter.shape)}]").Order(StringComparer.Ordinal));
        Assert.All(golden.Model.parameters(), p => Assert.False(p.requires_grad));
        Assert.Contains(golden.Model.named_modules(), m => m.name == golden.Model.Spec.Names.Head && m.module is ILinearLayer { IsOutputEmbedding: true });

        var description = ModelLoader.Describe(golden.Folder);
        Assert.Equal(file.Names.Sum(file.ByteLength), description.Bytes);
        Assert.Equal(description.Bytes / 4, description.ParameterCount);
        Assert.Equal(expected.Length, description.Tensors.Count);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Saved_and_loaded_again_it_is_the_same_bit_for_bit(string name)
    {
        using var golden = new ModelGolden(name);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        string folder = Path.Combine(Paths.Temporary(), "saved");
        ModelWriter.Save(golden.Model, folder);
        using var again = ModelLoader.Load(folder);
        Assert.Equal(golden.Model.Spec.Names, again.Spec.Names);
        foreach (var (a, b) in golden.Model.Weights().Zip(again.Weights()))
        {
            Assert.Equal(a.Name, b.Name);
            Assert.True(a.Parameter.equal(b.Parameter).all().item<bool>());
        }
        Assert.True(File.Exists(Path.Combine(folder, "generation_config.json")));
        Assert.Throws<BadInputException>(() => ModelWriter.Save(golden.Model, folder));
    }

    [Fact]
    public void Weights_stored_in_bfloat16_compute_in_float32_as_their_values_say()
    {
        using var golden = new ModelGolden("llama-tied");
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        string folder = Path.Combine(Paths.Temporary(), "half");
        ModelWriter.Save(golden.Model, folder, ScalarType.BFloat16);
        Assert.Equal("bfloat16", (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!["dtype"]);
        using var half = ModelLoader.Load(folder);
        Assert.All(half.Weights(), w => Assert.Equal(ScalarType.BFloat16, w.Parameter.dtype));
        string wideFolder = Path.Combine(Paths.Temporary(), "wide");
        ModelWriter.Save(half, wideFolder, ScalarType.Float32);
        using var wide = ModelLoader.Load(wideFolder);
        var ids = golden["input_ids"];
        Assert.True(half.call(ids).equal(wide.call(ids)).all().item<bool>());
        Assert.All(half.Weights(), w => Assert.Equal(ScalarType.BFloat16, w.Parameter.dtype));
    }

    [Fact]
    public void Replacing_the_tied_head_unties_and_restoring_ties_again()
    {
        using var golden = new ModelGolden("llama-tied");
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var model = golden.Model;
        var ids = golden["input_ids"];
        Assert.True(model.IsTied);
        var head = (Projection)model.named_modules().Single(m => m.name == "lm_head").module;
        var embedding = model.modules().OfType<TokenEmbedding>().Single();
        Assert.Same(head, embedding.TiedOutput);
        Assert.Single(model.named_parameters(), p => p.parameter.size(0) == 256);

        Tensor before = model.call(ids), hidden = model.Hidden(ids);
        var (old, _) = head.Replace(new Parameter(head.Weight.mul(Scalars.Two), requires_grad: false));
        Assert.False(model.IsTied);
        Assert.True(model.Hidden(ids).equal(hidden).all().item<bool>());
        Assert.True(model.call(ids).equal(before.mul(Scalars.Two)).all().item<bool>());
        Assert.Contains(model.Weights(), w => w.Name == "lm_head.weight");
        string folder = Path.Combine(Paths.Temporary(), "untied");
        ModelWriter.Save(model, folder);
        using (var untied = ModelLoader.Load(folder))
        {
            Assert.False(untied.Spec.Tied);
            Assert.True(untied.call(ids).equal(model.call(ids)).all().item<bool>());
        }
        head.Replace(old);
        Assert.True(model.IsTied);
        Assert.True(model.call(ids).equal(before).all().item<bool>());
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Made_trainable_every_weight_gets_a_gradient_and_stays_tied(string name)
    {
        using var golden = new ModelGolden(name);
        using var scope = NewDisposeScope();
        var model = golden.Model;
        bool tied = model.IsTied;
        model.MakeTrainable();
        Assert.Equal(tied, model.IsTied);
        var logits = model.call(golden["input_ids"]);
        logits.mul(logits).mean().backward();
        foreach (var (weight, parameter) in model.Weights())
        {
            Assert.True(parameter.requires_grad && parameter.is_leaf, weight);
            if (parameter.grad is { } grad) Assert.True(grad.isfinite().all().item<bool>(), weight);
            else Assert.Contains("experts", weight); // one that no token went to
        }
    }

    [Fact]
    public void Computing_with_other_parameters_leaves_the_layers_own_alone()
    {
        using var golden = new ModelGolden("gpt2");
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        random.manual_seed(5);
        foreach (var (path, module) in golden.Model.named_modules().Where(m => m.module is IFunctional))
        {
            var layer = (StoredModule)module;
            Tensor weight = layer.StoredWeights[0].Weight.Parameter, x = module is TokenEmbedding ? tensor(new long[] { 3, 1 }) : randn(2, module is Projection p ? p.InputSize : weight.size(0));
            var own = layer.call(x);
            Assert.True(((IFunctional)module).Compute(x, _ => null).equal(own).all().item<bool>(), path);
            var other = ((IFunctional)module).Compute(x, n => n == "weight" ? weight.mul(Scalars.Of(3.0)) : null);
            Assert.False(other.equal(own).all().item<bool>(), path);
            Assert.True(layer.call(x).equal(own).all().item<bool>(), path);
        }
    }
}
