using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// x·Wᵀ over a frozen quantised W, whose graph keeps neither x nor an expanded W: the gradient with respect to x is g·W, and W is expanded again for it. Of many
/// layers therefore one expansion is alive at a time, in both directions, in memory that they share.
/// </summary>
internal sealed class QuantizedProduct : autograd.SingleTensorFunction<QuantizedProduct>
{
    private const string WeightKey = "weight";

    // What backward returned last: native code takes it over only after the call, and a tensor that nothing holds could be collected before.
    [ThreadStatic] private static Tensor? _given;

    public override string Name => nameof(QuantizedProduct);

    /// <summary>An exception that left backward would end the process. It is kept here, and the layer's next product throws it.</summary>
    public sealed class Fault
    {
        private Exception? _exception;

        public void Note(Exception exception) => _exception = exception;

        public void Throw()
        {
            if (Interlocked.Exchange(ref _exception, null) is { } e) throw new InvalidOperationException("the backward pass through a quantised layer failed: " + e.Message, e);
        }
    }

    /// <summary>x [.., in] -> [.., out]; with <paramref name="transposed"/> the matrix is stored [in, out]. The bias gets no gradient.</summary>
    public static Tensor Of(Tensor x, QuantizedWeight weight, bool transposed, Tensor? bias, Fault fault)
    {
        fault.Throw();
        var factor = new Factor(weight, transposed, bias, fault);
        if (!is_grad_enabled() || !x.requires_grad) return factor.Times(x);
        using var scope = NewDisposeScope(); // apply leaves a second handle of the result and an empty tensor of its shape, for gradients that never come here
        return apply(x, factor).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.set_materialize_grads(false); // an absent gradient stays absent: there is nothing to compute then
        ctx.save_data(WeightKey, vars[1]);
        return ((Factor)vars[1]).Times((Tensor)vars[0]);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        if (grad_output is null || grad_output.IsInvalid) return [null!, null!];
        var factor = (Factor)ctx.get_data(WeightKey);
        try
        {
            using var plain = no_grad();
            var result = factor.Back(grad_output).DetachFromDisposeScope();
            return Give(result);
        }
#pragma warning disable CA1031 // whatever it is, it must not leave
        catch (Exception e)
        {
            factor.Fault.Note(e);
            return [null!, null!];
        }
#pragma warning restore CA1031
        finally { grad_output.Dispose(); } // else every layer's would live until the step's scope ends
    }

    private static List<Tensor> Give(Tensor result)
    {
        _given?.Dispose();
        _given = result;
        return [result, null!];
    }

    private sealed record Factor(QuantizedWeight Weight, bool Transposed, Tensor? Bias, Fault Fault)
    {
        public Tensor Times(Tensor x)
        {
            using var scope = NewDisposeScope();
            var weight = Weight.Transient(x.dtype).to(x.device);
            return nn.functional.linear(x, Transposed ? weight.t() : weight, Bias).MoveToOuterDisposeScope();
        }

        public Tensor Back(Tensor gradient)
        {
            using var scope = NewDisposeScope();
            var weight = Weight.Transient(gradient.dtype).to(gradient.device);
            return gradient.matmul(Transposed ? weight.t() : weight).MoveToOuterDisposeScope();
        }
    }
}
