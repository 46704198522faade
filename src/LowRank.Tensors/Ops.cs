using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>
/// Operators that TorchSharp lacks, reached through TorchScript text compiled once. This is the only place that compiles: a mistake in such a
/// text ends the process, so each one here is run by a test.
/// </summary>
public static class Ops
{
    private static readonly object Gate = new();
    private static jit.CompilationUnit? _unit;

    private const string Source =
        """
        def adamw(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], none: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, wd: float, eps: float):
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(p, g, m, v, none, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=wd, eps=eps, amsgrad=False, maximize=False)
            return p[0]

        def attention(q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor], causal: bool, scale: float):
            return torch.scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale=scale, enable_gqa=True)

        def add_scaled(x: Tensor, y: Tensor, alpha: float):
            return torch.add(x, y, alpha=alpha)

        def add_scaled_(x: Tensor, y: Tensor, alpha: float):
            return x.add_(y, alpha=alpha)

        def scale(x: Tensor, factor: float):
            return torch.mul(x, factor)

        def scale_(x: Tensor, factor: float):
            return x.mul_(factor)

        def length(x: Tensor, dim: int, keep: bool):
            return torch.linalg_vector_norm(x, 2, [dim], keep)

        def inverse_rms(x: Tensor, eps: float):
            return torch.rsqrt(torch.sum(x * x, [-1], True, dtype=6) / x.size(-1) + eps)

        def softmax_backward(g: Tensor, p: Tensor):
            return torch._softmax_backward_data(g, p, -1, p.dtype)

        def silu_backward(g: Tensor, x: Tensor):
            return torch.silu_backward(g, x)

        def norm_of(xs: List[Tensor]):
            return torch.norm(torch.stack(torch._foreach_norm(xs)))

        def scale_all_(xs: List[Tensor], factor: Tensor):
            torch._foreach_mul_(xs, factor)
            return xs[0]
        """;

    private static jit.CompilationUnit Unit
    {
        get
        {
            if (_unit is not null) return _unit;
            lock (Gate)
            {
                NativeTensors.EnsureLoaded();
#pragma warning disable RS0030 // the one vetted text
                return _unit ??= jit.compile(Source + "\n");
#pragma warning restore RS0030
            }
        }
    }

    /// <summary>One fused AdamW step in place; all lists as long as <paramref name="parameters"/>, <paramref name="steps"/> float32 of one element each (advanced by 1).</summary>
    public static void AdamW(Tensor[] parameters, Tensor[] gradients, Tensor[] firstMoments, Tensor[] secondMoments, Tensor[] steps, double learningRate, double beta1, double beta2, double weightDecay, double epsilon)
    {
        if (parameters.Length == 0) return;
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        Scalar[] numbers = [Number(learningRate), Number(beta1), Number(beta2), Number(weightDecay), Number(epsilon)];
        Unit.invoke("adamw", parameters, gradients, firstMoments, secondMoments, Array.Empty<Tensor>(), steps, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
        Keep(parameters, gradients, firstMoments, secondMoments, steps, numbers);
    }

    /// <summary>softmax(q·kᵀ·scale + mask)·v with grouped heads: q [B, H, T, d], k and v [B, Hkv, S, d]; mask boolean or additive, broadcastable to [B, H, T, S], or null.</summary>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double scale)
    {
        var number = Scalars.Of(scale);
        var result = (Tensor)Unit.invoke("attention", q, k, v, mask!, causal, number);
        Keep(q, k, v, mask);
        return result;
    }

    /// <summary>x + alpha·y, alpha free to change from call to call.</summary>
    public static Tensor AddScaled(Tensor x, Tensor y, double alpha)
    {
        var number = Number(alpha);
        var result = (Tensor)Unit.invoke("add_scaled", x, y, number);
        Keep(x, y, number);
        return result;
    }

    /// <summary>x += alpha·y in place.</summary>
    public static void AddScaledInPlace(Tensor x, Tensor y, double alpha)
    {
        var number = Number(alpha);
        using var scope = NewDisposeScope();
        Unit.invoke("add_scaled_", x, y, number);
        Keep(x, y, number);
    }

    /// <summary>factor·x, factor free to change from call to call.</summary>
    public static Tensor Scale(Tensor x, double factor)
    {
        var number = Number(factor);
        var result = (Tensor)Unit.invoke("scale", x, number);
        Keep(x, number);
        return result;
    }

    /// <summary>x *= factor in place.</summary>
    public static void ScaleInPlace(Tensor x, double factor)
    {
        var number = Number(factor);
        using var scope = NewDisposeScope();
        Unit.invoke("scale_", x, number);
        Keep(x, number);
    }

    /// <summary>The 2-norm along one dimension, which stays as a 1 where <paramref name="keep"/>. TorchSharp's own makes a Scalar and drops it.</summary>
    public static Tensor Length(Tensor x, int dimension, bool keep)
    {
        var result = (Tensor)Unit.invoke("length", x, Scalars.Of((long)dimension), keep);
        Keep(x);
        return result;
    }

    /// <summary>1 / √(mean(x²) + ε) over the last dimension, float32 [.., 1]; no gradient is meant to flow.</summary>
    public static Tensor InverseRms(Tensor x, double epsilon)
    {
        var result = (Tensor)Unit.invoke("inverse_rms", x, Scalars.Of(epsilon));
        Keep(x);
        return result;
    }

    /// <summary>The gradient of scores whose softmax over the last dimension is <paramref name="probabilities"/>.</summary>
    public static Tensor SoftmaxBackward(Tensor gradient, Tensor probabilities)
    {
        var result = (Tensor)Unit.invoke("softmax_backward", gradient, probabilities);
        Keep(gradient, probabilities);
        return result;
    }

    /// <summary>The gradient of x, given that of x·sigmoid(x).</summary>
    public static Tensor SiluBackward(Tensor gradient, Tensor x)
    {
        var result = (Tensor)Unit.invoke("silu_backward", gradient, x);
        Keep(gradient, x);
        return result;
    }

    /// <summary>The 2-norm over all elements of all tensors, a 0-d tensor.</summary>
    public static Tensor NormOf(Tensor[] tensors)
    {
        var result = (Tensor)Unit.invoke("norm_of", new object[] { tensors });
        Keep(tensors);
        return result;
    }

    /// <summary>Multiplies all tensors in place with a 0-d tensor.</summary>
    public static void ScaleAllInPlace(Tensor[] tensors, Tensor factor)
    {
        using var scope = NewDisposeScope();
        Unit.invoke("scale_all_", tensors, factor);
        Keep(tensors, factor);
    }

    /// <summary>A scalar for one call; whoever makes it keeps it until the call is over. (A plain double would become one that nobody keeps.)</summary>
#pragma warning disable RS0030 // kept alive by the callers
    private static Scalar Number(double value) => value;
#pragma warning restore RS0030

    private static void Keep(params object?[] used) => GC.KeepAlive(used);
}
