using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// Causal attention as plain batched products over row blocks, so that what lies above the diagonal is mostly never computed. Probabilities are made again in the
/// backward pass. The heads of a key/value group are rows of one product: keys and values are never repeated.
/// </summary>
/// <param name="groups">Query heads of one key/value head.</param>
/// <param name="scale">What scores are multiplied with.</param>
internal sealed class FastAttention(long groups, double scale)
{
    private const long BlockRows = 256;

    /// <summary>q [B·KeyHeads, groups, T, d], k and v [B·KeyHeads, T, d] -> [B·KeyHeads, groups, T, d], written into <paramref name="output"/>.</summary>
    public void Forward(Tensor q, Tensor k, Tensor v, Tensor output)
    {
        foreach (var (from, to) in Blocks(q.size(2)))
        {
            using var inner = NewDisposeScope();
            var probabilities = Probabilities(q, k, from, to);
            output.narrow(2, from, to - from).copy_(probabilities.bmm(v.narrow(1, 0, to)).view(-1, groups, to - from, q.size(3)));
        }
    }

    /// <summary>The gradients of q, k and v, given that of the output: written into <paramref name="dq"/>, added to <paramref name="dk"/> and <paramref name="dv"/>.</summary>
    public void Backward(Tensor gradient, Tensor q, Tensor k, Tensor v, Tensor dq, Tensor dk, Tensor dv)
    {
        foreach (var (from, to) in Blocks(q.size(2)))
        {
            using var inner = NewDisposeScope();
            Tensor probabilities = Probabilities(q, k, from, to), part = Rows(gradient, from, to), seen = v.narrow(1, 0, to);
            dv.narrow(1, 0, to).PlusInPlace(probabilities.transpose(1, 2).bmm(part));
            var scores = Ops.SoftmaxBackward(part.bmm(seen.transpose(1, 2)), probabilities);
            Ops.ScaleInPlace(scores, scale);
            dq.narrow(2, from, to - from).copy_(scores.bmm(k.narrow(1, 0, to)).view(-1, groups, to - from, q.size(3)));
            dk.narrow(1, 0, to).PlusInPlace(scores.transpose(1, 2).bmm(Rows(q, from, to)));
        }
    }

    /// <summary>Of rows from..to against all they see: [B·KeyHeads, groups·rows, to].</summary>
    private Tensor Probabilities(Tensor q, Tensor k, long from, long to)
    {
        var scores = Rows(q, from, to).bmm(k.narrow(1, 0, to).transpose(1, 2));
        Ops.ScaleInPlace(scores, scale);
        var above = ones(to - from, to - from, ScalarType.Bool, scores.device).triu(1);
        scores.view(-1, groups, to - from, to).narrow(3, from, to - from).masked_fill_(above, Scalars.MinusInfinity);
        return nn.functional.softmax(scores, -1);
    }

    private Tensor Rows(Tensor x, long from, long to) => x.narrow(2, from, to - from).reshape(-1, groups * (to - from), x.size(3));

    private static IEnumerable<(long From, long To)> Blocks(long rows)
    {
        for (long from = 0; from < rows; from += BlockRows) yield return (from, Math.Min(rows, from + BlockRows));
    }
}
