using System.Text.Json.Nodes;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>Shapes are those of the published models: their parameters, as their model cards and files count them, come out; and what is written loads.</summary>
public class RandomModelTests
{
    [Theory]
    [InlineData("smollm2-135m", 134_515_008)]
    [InlineData("qwen2.5-0.5b", 494_032_768)]
    [InlineData("llama-3.2-1b", 1_235_814_400)]
    [InlineData("gpt2", 124_439_808)]
    public void A_shape_has_as_many_parameters_as_the_published_model(string name, long parameters)
        => Assert.Equal(parameters, TensorCheck.Needed(FamilyTable.Describe(PublishedShapes.Config(name), name)).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)));

    [Theory]
    [InlineData("smollm2-135m", "num_hidden_layers")]
    [InlineData("qwen2.5-0.5b", "num_hidden_layers")]
    [InlineData("gpt2", "n_layer")]
    public void Random_weights_are_written_as_a_model_that_loads(string name, string layers)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        string folder = Paths.Temporary();
        try
        {
            var config = PublishedShapes.Config(name);
            (config[layers], config["vocab_size"]) = (1, 64);
            RandomModel.Write(folder, config);
            Assert.True(JsonNode.DeepEquals(config, JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))));
            using var model = ModelLoader.Load(folder);
            Assert.All(ModelLoader.Describe(folder).Tensors, t => Assert.Equal("BF16", t.DType));
            foreach (var (weight, parameter) in model.Weights())
            {
                var values = parameter.to(ScalarType.Float32);
                if (parameter.dim() == 2) Assert.InRange(values.std().item<float>(), 0.019f, 0.021f);
                else Assert.True(values.eq(weight.EndsWith(".bias", StringComparison.Ordinal) ? zeros(1) : ones(1)).all().item<bool>(), weight);
            }
            Assert.True(model.call(tensor(new long[] { 1, 2, 63 }, 1, 3)).isfinite().all().item<bool>());
        }
        finally { Directory.Delete(folder, recursive: true); }
    }

    [Fact]
    public void An_unknown_shape_is_refused_with_the_known_ones()
        => Assert.Contains("smollm2-135m, qwen2.5-0.5b, llama-3.2-1b, gpt2", Assert.Throws<Tensors.BadInputException>(() => PublishedShapes.Config("smollm3")).Message);
}
