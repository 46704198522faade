using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public class OpsTests
{
    [Fact]
    public void AdamW_two_steps_follow_the_formula()
    {
        using var scope = NewDisposeScope();
        Tensor p = tensor(new float[] { 1f, -2f }), g = tensor(new float[] { 0.5f, 0.25f }), m = zeros(2), v = zeros(2), step = zeros(1);
        double[] x = [1, -2], gr = [0.5, 0.25], em = [0, 0], ev = [0, 0];
        for (int t = 1; t <= 2; t++)
        {
            Ops.AdamW([p], [g], [m], [v], [step], 0.1, 0.9, 0.999, 0.01, 1e-8);
            for (int i = 0; i < 2; i++)
            {
                em[i] = 0.9 * em[i] + 0.1 * gr[i];
                ev[i] = 0.999 * ev[i] + 0.001 * gr[i] * gr[i];
                x[i] -= 0.1 * 0.01 * x[i];
                x[i] -= 0.1 * (em[i] / (1 - Math.Pow(0.9, t))) / (Math.Sqrt(ev[i] / (1 - Math.Pow(0.999, t))) + 1e-8);
            }
        }
        float[] got = p.data<float>().ToArray();
        Assert.Equal(x[0], got[0], 1e-5);
        Assert.Equal(x[1], got[1], 1e-5);
        Assert.Equal(2f, step.item<float>());
    }

    [Fact]
    public void Attention_with_grouped_heads_equals_the_plain_formula()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        Tensor q = randn(2, 4, 5, 8), k = randn(2, 2, 5, 8), v = randn(2, 2, 5, 8);
        var got = Ops.Attention(q, k, v, null, true, 0.3);
        var scores = q.matmul(k.repeat_interleave(2, 1).transpose(2, 3)).mul(Scalars.Of(0.3))
            .masked_fill(ones(5, 5, ScalarType.Bool).triu(1), Scalars.MinusInfinity);
        var expected = scores.softmax(-1).matmul(v.repeat_interleave(2, 1));
        Assert.True((got - expected).abs().max().item<float>() < 1e-5f);
    }

    [Fact]
    public void Small_operators_compute_what_they_say()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1f, 2f }), y = tensor(new float[] { 10f, 20f });
        Assert.Equal([6f, 12f], Ops.AddScaled(x, y, 0.5).data<float>().ToArray());
        Assert.Equal([3f, 6f], Ops.Scale(x, 3).data<float>().ToArray());
        Ops.AddScaledInPlace(x, y, 0.1);
        Assert.Equal(2f, x[0].item<float>(), 1e-6f);
        Ops.ScaleInPlace(x, 2);
        Assert.Equal(8f, x[1].item<float>(), 1e-6f);
        Tensor a = tensor(new float[] { 3f }), b = tensor(new float[] { 4f });
        Assert.Equal(5f, Ops.NormOf([a, b]).item<float>(), 1e-6f);
        Ops.ScaleAllInPlace([a, b], tensor(0.5f));
        Assert.Equal(2f, b.item<float>());
    }
}
