using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What merging holds the merged weights in. The sums are in float64; they are rounded once, to this.</summary>
public sealed record MergeInto
{
    private readonly bool _stored, _sameKind, _plainTables;
    private readonly ScalarType? _dtype;
    private readonly string? _kind;

    private MergeInto(ScalarType? dtype = null, string? kind = null, bool stored = true, bool sameKind = false, bool plainTables = false)
        => (_dtype, _kind, _stored, _sameKind, _plainTables) = (dtype, kind, stored, sameKind, plainTables);

    /// <summary>The dtype that the module computes in, whatever the base is stored in: merged computes what attached computed.</summary>
    public static MergeInto Computed { get; } = new(stored: false);
    /// <summary>The dtype that each weight is stored in; what is in blocks becomes float32.</summary>
    public static MergeInto Stored { get; } = new();
    /// <summary>What is in blocks is quantised again to its own kind, as coarsely as the base was; plain weights keep their stored
    /// dtype.</summary>
    public static MergeInto SameKind { get; } = new(sameKind: true);

    /// <summary>As a quantised folder holds them: projections as <see cref="SameKind"/>, all else (embedding and output layer too) in one
    /// dtype; null: in its stored one.</summary>
    public static MergeInto QuantizedFolder(ScalarType? dtype) => new(dtype, sameKind: true, plainTables: true);

    /// <summary>One dtype for all.</summary>
    public static MergeInto DType(ScalarType dtype) => new(dtype);

    /// <summary>One kind of blocks for all matrices (see <see cref="QuantizedKinds"/>), or f32, f16, bf16; vectors keep their stored
    /// dtype.</summary>
    public static MergeInto Kind(string kind) => new(kind: kind ?? throw new ArgumentNullException(nameof(kind)));

    /// <summary>A merged weight as it is to be held: a tensor of its own, or blocks.</summary>
    /// <param name="exact">The sum.</param>
    /// <param name="stored">The dtype it was stored in.</param>
    /// <param name="computed">The dtype its module computes in.</param>
    /// <param name="blocks">The blocks it was in; null: none.</param>
    /// <param name="table">Whether it is an embedding's or the output layer's.</param>
    /// <param name="place">What it is, for messages.</param>
    internal IDisposable Hold(Tensor exact, ScalarType stored, ScalarType computed, QuantizedWeight? blocks, bool table, string place)
    {
        bool matrix = exact.dim() == 2;
        if (_sameKind && blocks is not null && !(table && _plainTables)) return Again(blocks, exact.to_type(ScalarType.Float32), place);
        if (_kind is not null && matrix && PlainKind(_kind) is null) return QuantizedKinds.Quantize(_kind,
            exact.to_type(ScalarType.Float32), place);
        var dtype = _dtype ?? (_kind is not null && matrix ? PlainKind(_kind) : null) ?? (!_stored ? computed : blocks is not null
            ? ScalarType.Float32 : stored);
        var held = exact.to_type(dtype).contiguous();
        return ReferenceEquals(held, exact) || held.Handle == exact.Handle ? exact.clone() : held;
    }

    private static ScalarType? PlainKind(string kind) => kind switch { "f32" => ScalarType.Float32, "f16" => ScalarType.Float16, "bf16"
        => ScalarType.BFloat16, _ => null };

    private static QuantizedWeight Again(QuantizedWeight like, Tensor values, string place)
        => like is Bnb4Weight four ? Bnb4Weight.Quantize(four.Kind[..3], values, four.BlockSize, four.Nested)
            : QuantizedKinds.Names.Contains(like.Kind) ? QuantizedKinds.Quantize(like.Kind, values, place)
            : throw new BadInputException("nothing is quantised to this kind here, so the merged weight cannot be", like.Kind, place,
                remedy: "Merge into plain weights instead.");
}
