using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>An embedding table, torch's or our own. A [r, vocabulary], B [dim, r]; what comes out is multiplied with the table's own output scale.</summary>
public sealed class EmbeddingTable : BaseLayer
{
    private readonly Func<Parameter> _weight;
    private readonly IEmbeddingLayer? _layer;
    private readonly double _scale = 1;

    internal EmbeddingTable(string name, Embedding module) : base(name, module) => _weight = () => module.weight!;

    internal EmbeddingTable(string name, nn.Module<Tensor, Tensor> module, IEmbeddingLayer layer) : base(name, module)
        => (_weight, _layer, _scale) = (() => layer.Weight, layer, layer.OutputScale);

    /// <inheritdoc/>
    public override Parameter Weight => _weight();
    /// <inheritdoc/>
    public override bool IsEmbedding => true;
    /// <inheritdoc/>
    public override BadInputException? Refusal(int rank) => RowRefusal("target_modules");
    /// <inheritdoc/>
    public override long FanIn => _layer?.Vocabulary ?? Weight.size(0);
    /// <inheritdoc/>
    public override long Outputs => _layer?.Width ?? Weight.size(1);
    /// <inheritdoc/>
    public override long[] ShapeA(int rank) => [rank, FanIn];
    /// <inheritdoc/>
    public override long[] ShapeB(int rank) => [Outputs, rank];

    /// <inheritdoc/>
    public override Tensor Down(Tensor x, Tensor a, ScalarType dtype)
        => Scaled(a.index_select(1, x.flatten()).t().reshape([.. x.shape, a.size(0)]).to_type(dtype));

    /// <inheritdoc/>
    public override Tensor Up(Tensor low, Tensor b, Tensor? bias) => nn.functional.linear(low, b.to_type(low.dtype), bias?.to_type(low.dtype));
    /// <inheritdoc/>
    public override Tensor Delta(Tensor a, Tensor b) => a.t().mm(b.t());
    /// <inheritdoc/>
    public override Tensor Apply(Tensor x, Tensor weight) => Scaled(weight.index_select(0, x.flatten()).reshape([.. x.shape, weight.size(1)]));
    /// <summary>Over the whole vocabulary, for each dimension: as PEFT's DoRA takes an embedding.</summary>
    public override Tensor Norm(Tensor weight) => Ops.Length(weight, 0, keep: false);
    /// <inheritdoc/>
    public override Tensor OverWeight(Tensor vector) => vector.unsqueeze(0);

    /// <summary>
    /// Why nothing of this table can be adapted or stand in for it; null if it can. An `nn.Embedding(max_norm)` scales rows of its own
    /// weight down as they are looked up: no sum of that and
    /// a delta is what it would do to the merged rows, and a copy would not do it at all.
    /// </summary>
    internal BadInputException? RowRefusal(string place)
        => Module is Embedding table && Renormalises(table)
            ? new("an embedding with max_norm rewrites its rows at every look-up, which an adapter on it can neither follow nor "
                + "be merged into", Name, place, remedy: "Leave this embedding out, or build it without max_norm.")
            : null;

    // TorchSharp does not tell max_norm: the table looks one row up in other memory, whose norm is large.
    private static bool Renormalises(Embedding table)
    {
        using var scope = NewDisposeScope();
        using var normal = inference_mode(false);
        using var _ = no_grad();
        Tensor weight = table.weight!, own = weight.detach(), probe = full([1, own.size(1)], Scalars.Of(1e4), own.dtype, own.device);
        weight.set_(probe.clone());
#pragma warning disable RS0030 // not call(): hooks, those of other adapters too, would change what the table itself gives
        try { return table.forward(zeros(1, ScalarType.Int64, own.device)).ne(probe).any().item<bool>(); }
#pragma warning restore RS0030
        finally { weight.set_(own); }
    }

    /// <summary>Some of the stored rows, [ids, dim]; of a table in blocks only these are expanded, to float32.</summary>
    internal Tensor RowsOf(IReadOnlyList<long> ids) => _layer?.Quantized is { } blocks ? blocks.Dequantize([.. ids], ScalarType.Float32) : Weight.index_select(0, tensor([.. ids], device: Weight.device));

    /// <summary>Rows of the table's kind, as they come out of it.</summary>
    internal Tensor Scaled(Tensor rows) => _scale == 1 ? rows : rows.mul(Scalars.Of(_scale));
}
