using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>
/// A matrix in bitsandbytes' 4-bit codes, NF4 or FP4 (Dettmers et al., QLoRA, 2023). It is taken flat, row after row, in blocks of 64 or so numbers: a number is a code of a book of 16 values
/// times its block's largest size. With double quantisation these sizes are 8-bit codes too, in blocks of 256, with their mean taken away before.
/// </summary>
public sealed unsafe class Bnb4Weight : QuantizedWeight
{
    private readonly Bnb4State _state;
    private readonly float[] _book, _scaleBook, _nestedLargest;
    private readonly WeightMemory _packed, _largest;

    private Bnb4Weight(Bnb4State state, float[] book, WeightMemory packed, WeightMemory largest, float[]? scaleBook = null, float[]? nestedLargest = null) : base(state.Rows, state.Columns)
        => (_state, _book, _packed, _largest, _scaleBook, _nestedLargest) = (state, book, packed, largest, scaleBook ?? [], nestedLargest ?? []);

    /// <summary>`nf4` or `fp4`, with `-double` behind it where the scales are quantised too.</summary>
    public override string Kind => Nested ? _state.Code + "-double" : _state.Code;
    /// <inheritdoc/>
    public override long Bytes => _packed.Length + _largest.Length + _nestedLargest.Length * sizeof(float);
    /// <summary>Numbers that share a scale.</summary>
    public int BlockSize => _state.BlockSize;
    /// <summary>Whether the scales are quantised too.</summary>
    public bool Nested => _state.Offset is not null;

    /// <summary>Quantises a matrix [rows, columns] of any float dtype as bitsandbytes does: the same bytes.</summary>
    /// <param name="code">`nf4` or `fp4`.</param>
    /// <param name="source">The matrix.</param>
    /// <param name="blockSize">Numbers that share a scale: 64, 128, 256, ... 4096.</param>
    /// <param name="nested">Whether the scales are quantised too (double quantisation).</param>
    public static Bnb4Weight Quantize(string code, Tensor source, int blockSize = 64, bool nested = false)
    {
        var book = Bnb4Codes.Named(code);
        if (blockSize is < 32 or > 4096 || !int.IsPow2(blockSize)) throw new BadInputException("a block size that 4-bit weights cannot have", $"{blockSize}", expected: "32, 64, 128, ... 4096");
        using var scope = NewDisposeScope();
        using var wide = WeightMemory.Matrix(source);
        long rows = source.shape[0], columns = source.shape[1], count = rows * columns, blocks = (count + blockSize - 1) / blockSize;
        WeightMemory packed = WeightMemory.Allocate((count + 1) / 2), largest = WeightMemory.Allocate(blocks * sizeof(float));
        Bnb4Quantizer.Quantize(book, (float*)wide.Start, count, blockSize, packed.Start, (float*)largest.Start);
        var state = new Bnb4State(code, blockSize, DTypeName(source.dtype), rows, columns, null);
        if (!nested) return new Bnb4Weight(state, book, packed, largest);

        using (largest)
        {
            // The mean is libtorch's, summed in its order: the library's offset to the last bit.
            float offset = NativeTensors.View(largest.Start, [blocks], (int)ScalarType.Float32).mean().item<float>();
            var scales = new Span<float>((float*)largest.Start, checked((int)blocks));
            foreach (ref float scale in scales) scale -= offset;
            var (codes, nestedLargest) = Bnb4Quantizer.QuantizeScales(scales);
            return new Bnb4Weight(state with { Offset = offset }, book, packed, WeightMemory.Copy<byte>(codes), Bnb4Codes.Dynamic, nestedLargest);
        }
    }

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form.</summary>
    public static bool IsIn(IWeightSource source, string name) => StateName(source, name) is not null;

    /// <summary>Reads `X.weight` and its companions; a view of the source, valid while it is open.</summary>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static Bnb4Weight Read(IWeightSource source, string name)
    {
        string stateName = StateName(source, name) ?? throw new BadInputException("a part of a quantised weight is missing", $"{name}.quant_state.bitsandbytes__nf4", source.Path);
        var state = Bnb4State.Parse(Companions.Text(source, stateName), $"{source.Path}: {stateName}");
        long count = state.Rows * state.Columns, blocks = (count + state.BlockSize - 1) / state.BlockSize;
        Bnb4Codes.Named(state.Code, $"{source.Path}: {stateName}"); // refuses unknown codes
        float[] book = Companions.Numbers(source, name + ".quant_map", 16);
        var (scaleBook, nestedLargest) = state.Offset is null
            ? ((float[]?)null, (float[]?)null)
            : (Companions.Numbers(source, name + ".nested_quant_map", 256), Companions.Numbers(source, name + ".nested_absmax", (blocks + Bnb4State.NestedBlock - 1) / Bnb4State.NestedBlock));
        var packed = Companions.Raw(source, name, (count + 1) / 2);
        try { return new Bnb4Weight(state, book, packed, Companions.Raw(source, name + ".absmax", state.Offset is null ? blocks * sizeof(float) : blocks), scaleBook, nestedLargest); }
        catch { packed.Dispose(); throw; }
    }

    /// <summary>What a checkpoint holds for this weight called <paramref name="name"/> (`X.weight`), in the current dispose scope; the large ones are views, valid while this weight is.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Save(string name)
    {
        long blocks = Nested ? _largest.Length : _largest.Length / sizeof(float);
        var saved = new List<(string, Tensor)>
        {
            (name, NativeTensors.View(_packed.Start, [_packed.Length, 1], (int)ScalarType.Byte)),
            (name + ".absmax", NativeTensors.View(_largest.Start, [blocks], (int)(Nested ? ScalarType.Byte : ScalarType.Float32))),
            (name + ".quant_map", tensor(_book)),
        };
        if (Nested) saved.AddRange([(name + ".nested_absmax", tensor(_nestedLargest)), (name + ".nested_quant_map", tensor(_scaleBook))]);
        saved.Add(($"{name}.quant_state.bitsandbytes__{_state.Code}", tensor(Encoding.UTF8.GetBytes(_state.ToJson()))));
        return saved;
    }

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination)
    {
        if (_packed.Start is null) throw new ObjectDisposedException(nameof(Bnb4Weight));
        float* scaled = stackalloc float[16];
        fixed (float* book = _book)
            for (long at = from * Columns, end = to * Columns; at < end;)
            {
                long block = at / BlockSize;
                int length = (int)(Math.Min(end, (block + 1) * BlockSize) - at);
                float scale = Scale(block);
                (Vector256.Load(book) * scale).Store(scaled);
                (Vector256.Load(book + 8) * scale).Store(scaled + 8);
                Expand(scaled, at, length, destination);
                at += length;
                destination += length;
            }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _packed.Dispose();
        _largest.Dispose();
        base.Dispose();
    }

    private float Scale(long block)
        => Nested ? _scaleBook[_largest.Start[block]] * _nestedLargest[block / Bnb4State.NestedBlock] + _state.Offset!.Value : ((float*)_largest.Start)[block];

    /// <summary>Numbers of one block; the even ones are high nibbles.</summary>
    private void Expand(float* scaled, long at, int length, float* destination)
    {
        if ((at & 1) != 0)
        {
            *destination++ = scaled[_packed.Start[at / 2] & 15];
            length--;
            at++;
        }
        byte* source = _packed.Start + at / 2;
        int i = 0;
        if (Avx2.IsSupported)
        {
            // Four bytes in all eight lanes, each shifted to its nibble; the products in two halves, chosen by the nibble's top bit.
            Vector256<uint> shifts = Vector256.Create(4u, 0, 12, 8, 20, 16, 28, 24);
            Vector256<float> low = Vector256.Load(scaled), high = Vector256.Load(scaled + 8);
            for (; i + 8 <= length; i += 8)
            {
                var index = Avx2.ShiftRightLogicalVariable(Vector256.Create(*(uint*)(source + i / 2)), shifts).AsInt32();
                var upper = Vector256.ShiftLeft(index, 28).AsSingle();
                Avx.BlendVariable(Avx2.PermuteVar8x32(low, index), Avx2.PermuteVar8x32(high, index), upper).Store(destination + i);
            }
        }
        for (; i < length; i++) destination[i] = scaled[i % 2 == 0 ? source[i / 2] >> 4 : source[i / 2] & 15];
    }

    private static string? StateName(IWeightSource source, string name)
        => new[] { "nf4", "fp4" }.Select(code => $"{name}.quant_state.bitsandbytes__{code}").FirstOrDefault(n => source.Shape(n) is not null);

    private static string DTypeName(ScalarType dtype) => dtype switch
    {
        ScalarType.BFloat16 => "bfloat16",
        ScalarType.Float16 => "float16",
        _ => "float32",
    };
}
