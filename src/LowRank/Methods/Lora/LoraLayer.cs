using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>LoRA on one layer of any kind: y + s·B·A·x.</summary>
internal sealed class LoraLayer(BaseLayer layer, LoraConfig config, LoraFactors factors) : AdapterLayer
{
    private readonly double _dropout = layer.IsEmbedding ? 0 : config.Dropout; // ids cannot be dropped

    public override IReadOnlyList<LayerParameter> Parameters { get; } = factors.Describe(layer);
    public override int Rank { get; } = config.RankOf(layer.Name);
    public override double Scale { get; } = config.ScaleOf(layer.Name);
    public override string? MergeRefusal
        => layer.MergeRefusal ?? (factors.Bias is not null && layer.Bias is null ? "the base layer has no bias that lora_B.bias could be added to" : null);

    public override Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training)
    {
        if (training && _dropout > 0) x = nn.functional.dropout(x, _dropout, true);
        var dtype = layer.IsEmbedding ? baseOutput.dtype : x.dtype;
        var delta = factors.Delta(layer, x, dtype, Scale, strength);
        return output.Plus(delta.to_type(output.dtype));
    }

    public override Tensor Merge(string parameter, Tensor original, Tensor merged, double strength) => parameter switch
    {
        "weight" => Ops.AddScaled(merged, layer.Delta(factors.A.to_type(merged.dtype), factors.B.to_type(merged.dtype)), Scale * strength),
        "bias" when factors.Bias is not null => Ops.AddScaled(merged, factors.Bias.to_type(merged.dtype), Scale * strength),
        _ => merged,
    };

    /// <summary>What a tied output layer must do so that the two stay one table (`ensure_weight_tying`): A and B change places, transposed.</summary>
    public AdapterLayer ForTiedOutput(BaseLayer head) => new TiedHead(head, this, factors, _headDropout) { Module = head.Name };

    private readonly double _headDropout = config.Dropout;

    private sealed class TiedHead(BaseLayer head, LoraLayer table, LoraFactors factors, double dropout) : AdapterLayer
    {
        public override IReadOnlyList<LayerParameter> Parameters => [];
        public override int Rank => table.Rank;
        public override double Scale => table.Scale;
        internal override IEnumerable<(string Suffix, Tensor Value)> Mirrors
            => [("lora_A.weight", factors.B.detach().t()), ("lora_B.weight", factors.A.detach().t())];

        public override Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training)
        {
            if (training && dropout > 0) x = nn.functional.dropout(x, dropout, true);
            var low = head.Down(x, factors.B.t(), x.dtype);
            return Ops.AddScaled(output, head.Up(low, factors.A.t(), null).to_type(output.dtype), Scale * strength);
        }

        public override Tensor Merge(string parameter, Tensor original, Tensor merged, double strength) => table.Merge(parameter, original, merged, strength);
    }
}
