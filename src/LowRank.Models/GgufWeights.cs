using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>A GGUF file's tensors under Hugging Face's names and with Hugging Face's values.</summary>
/// <param name="file">Owned: disposed with this source.</param>
/// <param name="names">Hugging Face name to GGUF name.</param>
/// <param name="architecture">What was done to the values.</param>
/// <param name="heads">Query heads.</param>
/// <param name="keyValueHeads">Key and value heads.</param>
internal sealed class GgufWeights(GgufFile file, OrderedDictionary<string, string> names, GgufArchitecture architecture, int heads, int keyValueHeads) : IWeightSource
{
    public string Path => file.Path;
    public IReadOnlyCollection<string> Names => names.Keys;
    public long[]? Shape(string name) => names.TryGetValue(name, out string? stored) ? file.Shape(stored) : null;
    public string DType(string name) => file.DType(Stored(name));
    public long ByteLength(string name) => file.ByteLength(Stored(name));

    /// <summary>The file itself, under its own names.</summary>
    public GgufFile File => file;

    public Tensor Get(string name)
    {
        string stored = Stored(name);
        if (PermutedHeads(stored) is > 0 and int count) return Unpermuted(stored, count);
        if (!IsShifted(stored)) return file.Get(stored);
        using var scope = NewDisposeScope();
        return file.Dequantize(stored).sub(Scalars.One).MoveToOuterDisposeScope();
    }

    /// <summary>What <see cref="Get"/> undoes: values as a file has them, in a plain type and its order of rows, in the current dispose
    /// scope. A shifted norm is rounded once.</summary>
    public Tensor Put(string name, Tensor values, GgufType type)
    {
        using var scope = NewDisposeScope();
        string stored = Stored(name);
        if (PermutedHeads(stored) is > 0 and int count) values = values.view([count, 2, values.shape[0] / count / 2, .. values.shape[1..]]).transpose(1, 2).contiguous().view(values.shape);
        if (IsShifted(stored)) values = values.to(ScalarType.Float64).Plus(Scalars.One);
        return values.to(type.Name switch { "F32" => ScalarType.Float32, "F16" => ScalarType.Float16, _
            => ScalarType.BFloat16 }).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Rows of a head in a matrix whose rows the file has in another order; 0 where it has them in Hugging Face's.</summary>
    public long PermutedHeadSize(string name) => PermutedHeads(Stored(name)) is > 0 and int count ? file.Shape(Stored(name))![0] / count : 0;

    public QuantizedWeight? Quantized(string name)
    {
        string stored = Stored(name);
        if (file.Quantized(stored) is not { } blocks) return null;
        int count = PermutedHeads(stored);
        if (count == 0) return blocks;
        CheckRows(stored, blocks.Rows, count);
        return new PermutedRows(blocks, blocks.Rows / count);
    }

    public void Release(string name) => file.Release(Stored(name));

    public void Dispose() => file.Dispose();

    /// <summary>Rows of a head from interleaved pairs (x0, y0, x1, y1, ...) back to halves (x0, x1, ..., y0, y1, ...).</summary>
    private Tensor Unpermuted(string stored, int headCount)
    {
        using var scope = NewDisposeScope();
        var tensor = file.Get(stored);
        long[] shape = tensor.shape;
        CheckRows(stored, shape.FirstOrDefault(), headCount);
        return tensor.view([headCount, shape[0] / headCount / 2, 2, .. shape[1..]]).transpose(1, 2).contiguous().view(shape).MoveToOuterDisposeScope();
    }

    private void CheckRows(string stored, long rows, int headCount)
    {
        if (rows == 0 || rows % (2 * headCount) != 0) throw new BadInputException("the rows do not divide into heads", $"{stored}: {rows} rows, {headCount} heads", Path);
    }

    private int PermutedHeads(string stored)
        => !architecture.PermutedRope ? 0 : stored.Contains(".attn_q.", StringComparison.Ordinal) ? heads : stored.Contains(".attn_k.", StringComparison.Ordinal) ? keyValueHeads : 0;

    private bool IsShifted(string stored) => architecture.ShiftedNorms && stored.EndsWith("norm.weight", StringComparison.Ordinal);

    /// <summary>A tensor's name in the file.</summary>
    public string Stored(string name)
        => names.TryGetValue(name, out string? stored) ? stored : throw new BadInputException("the model has no such tensor", name, Path, remedy: NearNames.Sentence(name, Names));
}
