using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

public class ForwardTests
{
    public static TheoryData<string> Models => ModelGolden.All;

    [Theory]
    [MemberData(nameof(Models))]
    public void Steps_equal_the_whole_and_carry_gradients(string name)
    {
        using var golden = new ModelGolden(name);
        using var scope = NewDisposeScope();
        var model = golden.Model;
        Tensor ids = golden["input_ids"], mask = golden["attention_mask"];
        var input = model.Prepare(ids, mask);
        var embedded = model.Embed(input).detach().requires_grad_(true);
        var hidden = embedded;
        for (int i = 0; i < model.BlockCount; i++) hidden = model.Block(i, hidden, input);
        hidden = model.FinalNorm(hidden);
        Assert.True(hidden.equal(model.Hidden(ids, mask)).all().item<bool>());
        hidden.mul(hidden).sum().backward();
        Assert.True(embedded.grad!.isfinite().all().item<bool>());
        Assert.True(embedded.grad!.abs().sum().item<float>() > 0);
        Assert.All(model.Weights(), w => Assert.Null(w.Parameter.grad));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_left_padded_batch_equals_its_rows_alone_with_and_without_cache(string name)
    {
        if (name is "llama-dynamic" or "phi3-longrope") Assert.Skip("frequencies follow the longest row of a batch, as the reference's do");
        using var golden = new ModelGolden(name);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var model = golden.Model;
        var ids = golden["input_ids"];
        Tensor shortRow = ids[1..2, ..9], longRow = ids[0..1, ..15];
        var batch = cat([cat([zeros(1, 6, ScalarType.Int64), shortRow], 1), longRow], 0);
        var mask = cat([cat([zeros(1, 6, ScalarType.Int64), ones(1, 9, ScalarType.Int64)], 1), ones(1, 15, ScalarType.Int64)], 0);
        Tensor wholeShort = model.Hidden(shortRow), wholeLong = model.Hidden(longRow);
        var together = model.Hidden(batch, mask);
        Close(wholeShort[0], together[0, 6..]);
        Close(wholeLong[0], together[1]);

        using var cache = model.NewCache(4);
        model.Hidden(batch[.., ..11], mask[.., ..11], cache);
        var middle = model.Hidden(batch[.., 11..13], null, cache); // two at once behind a cache
        var last = model.Hidden(batch[.., 13..14], mask[.., ..14], cache); // the mask of everything
        Close(wholeShort[0, 5..7], middle[0]);
        Close(wholeLong[0, 13], last[1, 0]);

        cache.Select([1]);
        Assert.Equal(1, cache.Rows);
        Close(wholeLong[0, 14], model.Hidden(batch[1..2, 14..], null, cache)[0, 0]);
        cache.Truncate(12);
        Assert.Equal(12, cache.Length);
        Close(wholeLong[0, 12..], model.Hidden(batch[1..2, 12..], null, cache)[0]);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Bfloat16_stays_close_to_float32(string name)
    {
        using var golden = new ModelGolden(name, dtype: ScalarType.BFloat16);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        Tensor ids = golden["input_ids"], mask = golden["attention_mask"];
        var logits = golden.Model.Logits(golden.Model.Hidden(ids, mask));
        Assert.Equal(ScalarType.BFloat16, logits.dtype);
        var expected = golden["logits"];
        var real = mask.to(ScalarType.Float32).unsqueeze(-1);
        float relative = ((logits.to(ScalarType.Float32) - expected) * real).norm().item<float>() / (expected * real).norm().item<float>();
        // A router may pick another expert after rounding; that is a jump, not an error.
        Assert.True(relative < (golden.Model.Spec.Experts is null ? 0.04 : 0.5), $"{name}: {relative}");
    }

    [Fact]
    public void A_row_of_padding_only_is_finite()
    {
        using var golden = new ModelGolden("gemma2");
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var ids = golden["input_ids"];
        var mask = cat([zeros(1, 19, ScalarType.Int64), ones(1, 19, ScalarType.Int64)], 0);
        Assert.True(golden.Model.Hidden(ids, mask).isfinite().all().item<bool>());
    }

    [Fact]
    public void Ids_outside_the_vocabulary_and_wrong_masks_are_refused()
    {
        using var golden = new ModelGolden("llama");
        using var scope = NewDisposeScope();
        var e = Assert.Throws<BadInputException>(() => golden.Model.Hidden(tensor(new long[,] { { 1, 256 } })));
        Assert.Contains("256", e.Message);
        Assert.Contains("0 to 255", e.Message);
        Assert.Throws<ArgumentException>(() => golden.Model.Hidden(golden["input_ids"], ones(2, 5)));
    }

    private static void Close(Tensor expected, Tensor got)
    {
        float difference = (expected - got).abs().max().item<float>();
        Assert.True(difference < 5e-5, $"differ by {difference}");
    }
}
