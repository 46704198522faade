using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

public class GoldenTests
{
    public static TheoryData<string> Models => ModelGolden.All;

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_and_loss_are_the_references(string name) => CheckLogits(name, oldSpelling: false);

    [Theory]
    [MemberData(nameof(Models))]
    public void The_old_spelling_of_the_config_gives_the_same(string name) => CheckLogits(name, oldSpelling: true);

    private static void CheckLogits(string name, bool oldSpelling)
    {
        using var golden = new ModelGolden(name, oldSpelling);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        Tensor ids = golden["input_ids"], mask = golden["attention_mask"];
        var logits = golden.Model.Logits(golden.Model.Hidden(ids, mask));
        float difference = ModelGolden.Difference(logits, golden["logits"], mask);
        Assert.True(difference < 5e-5, $"{name}: logits differ by {difference}");

        var labels = ids.masked_fill(mask.eq(Scalars.Of(0L)), Scalars.Of(-100L));
        var loss = nn.functional.cross_entropy(logits[.., ..^1].reshape(-1, logits.size(2)), labels[.., 1..].reshape(-1), ignore_index: -100);
        Assert.Equal(golden["loss"].item<float>(), loss.item<float>(), 5e-5f);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Greedy_tokens_are_the_references_without_a_cache(string name)
    {
        using var golden = new ModelGolden(name);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var ids = golden["prompt"];
        while (ids.size(1) < golden["greedy"].size(1))
            ids = cat([ids, golden.Model.Logits(golden.Model.Hidden(ids))[.., -1].argmax(-1, true)], 1);
        Assert.Equal(golden["greedy"].data<long>().ToArray(), ids.data<long>().ToArray());
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Greedy_tokens_are_the_references_with_a_cache(string name)
    {
        using var golden = new ModelGolden(name);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        using var cache = golden.Model.NewCache(4);
        var ids = golden["prompt"];
        var next = ids;
        while (ids.size(1) < golden["greedy"].size(1))
        {
            next = golden.Model.Logits(golden.Model.Hidden(next, null, cache))[.., -1].argmax(-1, true);
            ids = cat([ids, next], 1);
        }
        Assert.Equal(golden["greedy"].data<long>().ToArray(), ids.data<long>().ToArray());
    }
}
