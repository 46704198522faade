using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>A table of vectors, ids [..] -> [.., dim]. Only the rows looked up are cast or expanded from blocks, so a table in another dtype is never copied whole.</summary>
public sealed class TokenEmbedding : StoredModule, IEmbeddingLayer, IFunctional
{
    private readonly StoredWeight _weight;
    private readonly ScalarType _computeDType;

    internal TokenEmbedding(string name, Parameter weight, ScalarType computeDType, double outputScale = 1) : base(name)
    {
        _computeDType = computeDType;
        _weight = Keep("weight", weight, computeDType);
        OutputScale = Rounded(outputScale, computeDType);
    }

    internal TokenEmbedding(string name, QuantizedWeight weight, ScalarType computeDType, double outputScale = 1) : base(name)
    {
        _computeDType = computeDType;
        _weight = Keep("weight", weight, computeDType);
        OutputScale = Rounded(outputScale, computeDType);
    }

    /// <inheritdoc/>
    public Parameter Weight => _weight.Parameter;
    /// <inheritdoc/>
    public QuantizedWeight? Quantized => _weight.Quantized;
    /// <inheritdoc/>
    public ScalarType ComputeDType => _computeDType;
    /// <inheritdoc/>
    public long Vocabulary => _weight.Size(0);
    /// <inheritdoc/>
    public long Width => _weight.Size(1);
    /// <summary>Bytes that the table takes as stored.</summary>
    public long Bytes => _weight.Bytes;
    internal object WeightIdentity => _weight.Identity;
    /// <inheritdoc/>
    public double OutputScale { get; }
    /// <inheritdoc/>
    public ILinearLayer? TiedOutput { get; internal set; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor ids) => _weight.Quantized is { } blocks ? Lookup(ids, blocks) : Lookup(ids, Weight);

    /// <inheritdoc/>
    public Tensor Compute(Tensor input, Func<string, Tensor?> parameter) => Lookup(input, parameter("weight") ?? Weight);

    /// <inheritdoc/>
    public Parameter? Replace(Parameter weight) => _weight.Replace(weight);

    /// <inheritdoc/>
    public Parameter? Replace(QuantizedWeight weight) => _weight.Replace(weight);

    private Tensor Lookup(Tensor ids, Tensor table) => Scaled(table.index_select(0, ids.reshape(-1)).to(_computeDType).view([.. ids.shape, table.size(1)]));

    private Tensor Lookup(Tensor ids, QuantizedWeight table)
    {
        using var scope = NewDisposeScope();
        long[] rows = ids.detach().to(ScalarType.Int64).cpu().contiguous().data<long>().ToArray();
        return Scaled(table.Dequantize(rows, _computeDType).to(ids.device).view([.. ids.shape, table.Columns])).MoveToOuterDisposeScope();
    }

    private Tensor Scaled(Tensor rows) => OutputScale == 1 ? rows : rows.mul(Scalars.Of(OutputScale));

    // Transformers keeps the factor in the model's dtype.
    private static double Rounded(double scale, ScalarType dtype)
    {
        if (scale == 1 || dtype == ScalarType.Float64) return scale;
        using var scope = NewDisposeScope();
        return tensor(scale).to(dtype).to(ScalarType.Float64).item<double>();
    }
}
