using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Rows of an embedding that are trained (`trainable_token_indices`): they stand in for the base's rows, not beside them.</summary>
internal class TrainedTokens : AdapterLayer
{
    private readonly EmbeddingTable _table;
    private readonly Tensor _slotOf; // [vocabulary] I64: the row's place among the trained ones, or their count
    private protected readonly Tensor Ids;
    private protected readonly Parameter Rows; // [n, dim]

    private TrainedTokens(EmbeddingTable table, Parameter rows, IReadOnlyList<long> tokens, Tensor ids, Tensor slotOf)
    {
        (_table, Rows, Tokens, Ids, _slotOf) = (table, rows, tokens, ids, slotOf);
        Parameters = [new("token_adapter.trainable_tokens_delta", rows, ParameterRole.Tokens)];
    }

    public override IReadOnlyList<LayerParameter> Parameters { get; }

    /// <summary>The ids of the rows.</summary>
    public IReadOnlyList<long> Tokens { get; }

    public static TrainedTokens Create(EmbeddingTable table, IReadOnlyList<long> ids)
    {
        long vocabulary = table.FanIn;
        if (ids.Any(i => i >= vocabulary))
            throw new BadInputException("a token id is beyond the embedding", $"{ids.First(i => i >= vocabulary)}", "trainable_token_indices", $"0 to {vocabulary - 1}");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var slots = new long[vocabulary];
        Array.Fill(slots, ids.Count);
        for (int i = 0; i < ids.Count; i++) slots[ids[i]] = i;
        var rows = table.RowsOf(ids);
        var device = rows.device;
        var index = tensor([.. ids], device: device);
        return new TrainedTokens(table, Randomness.Keep(rows), [.. ids], index.DetachFromDisposeScope(),
            tensor(slots, device: device).DetachFromDisposeScope()) { Module = table.Name };
    }

    public override Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training)
    {
        var slot = _slotOf.index_select(0, x.flatten());
        var filler = zeros([1, Rows.size(1)], Rows.dtype, Rows.device);
        var own = _table.Scaled(cat([Rows, filler]).to_type(output.dtype)).index_select(0, slot).reshape(output.shape);
        var trained = slot.reshape(x.shape).ne(Scalars.Of((long)Ids.size(0))).unsqueeze(-1);
        var from = strength == 1 && ReferenceEquals(output, baseOutput) ? own : Ops.AddScaled(output, own.sub(baseOutput), strength);
        return where(trained, from, output);
    }

    public override Tensor Merge(string parameter, Tensor original, Tensor merged, double strength)
    {
        if (parameter != "weight") return merged;
        var own = Rows.to_type(original.dtype);
        if (strength == 1 && ReferenceEquals(merged, original)) return merged.index_copy(0, Ids, own);
        var difference = Ops.Scale(own.sub(original.index_select(0, Ids)), strength);
        return merged.index_add(0, Ids, difference, Scalars.One);
    }

    internal override void DisposeExtras()
    {
        Ids.Dispose();
        _slotOf.Dispose();
    }

    /// <summary>What a tied output layer must do so that it sees the same rows.</summary>
    public AdapterLayer ForTiedOutput(BaseLayer head) => new TiedRows(head, this) { Module = head.Name };

    private sealed class TiedRows(BaseLayer head, TrainedTokens tokens) : AdapterLayer
    {
        public override IReadOnlyList<LayerParameter> Parameters => [];

        public override Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training)
        {
            long last = output.dim() - 1;
            var logits = nn.functional.linear(x, tokens.Rows.to_type(x.dtype)).to_type(output.dtype);
            if (head.Bias is not null) logits = logits.Plus(head.Bias.index_select(0, tokens.Ids).to_type(output.dtype));
            if (strength == 1 && ReferenceEquals(output, baseOutput)) return output.index_copy(last, tokens.Ids, logits);
            var difference = Ops.Scale(logits.sub(baseOutput.index_select(last, tokens.Ids)), strength);
            return output.index_add(last, tokens.Ids, difference, Scalars.One);
        }

        public override Tensor Merge(string parameter, Tensor original, Tensor merged, double strength) => tokens.Merge(parameter, original, merged, strength);
    }
}
