using LowRank.Models;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// One projection of the step written by hand: y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ, and its gradients. B·A is never formed; W is frozen. A projection without an
/// adapter is the same with no factors.
/// </summary>
internal sealed class FastLinear(Projection layer, Parameter? a, Parameter? b, double scale)
{
    private Tensor? _a, _b;

    /// <summary>Whether it has an adapter.</summary>
    public bool IsAdapted => a is not null;

    /// <summary>Casts the factors for a micro-batch; the casts belong to the current dispose scope.</summary>
    public void Begin(ScalarType dtype)
    {
        if (a is null) return;
        (_a, _b) = (a.detach().to(dtype), b!.detach().to(dtype));
    }

    /// <summary>[N, in] -> ([N, out], the low-rank middle [N, r] that the backward pass needs, or null).</summary>
    public (Tensor Output, Tensor? Low) Forward(Tensor x)
    {
        var y = nn.functional.linear(x, layer.ComputeWeight, layer.ComputeBias);
        if (_a is null) return (y, null);
        var low = Ops.Scale(x.mm(_a.t()), scale);
        y.addmm_(low, _b!.t(), 1, 1);
        return (y, low);
    }

    /// <summary>Adds the gradients of A and B, and returns that of the input, [N, in], where it is wanted.</summary>
    public Tensor? Backward(Tensor gradient, Tensor x, Tensor? low, bool wantsInput)
    {
        Tensor? middle = null;
        if (_a is not null)
        {
            middle = Ops.Scale(gradient.mm(_b!), scale);
            Accumulate(b!, gradient.t().mm(low!));
            Accumulate(a!, middle.t().mm(x));
        }
        if (!wantsInput) return null;
        var input = gradient.mm(layer.ComputeWeight);
        if (middle is not null) input.addmm_(middle, _a!, 1, 1);
        return input;
    }

    private static void Accumulate(Parameter parameter, Tensor gradient)
    {
        var wide = gradient.to(parameter.dtype);
        if (parameter.grad is { } sum) sum.PlusInPlace(wide);
        else parameter.grad = wide; // the parameter keeps its own reference
    }
}
