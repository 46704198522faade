using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>What of a model's weights is no longer what its GGUF file holds, as the file would hold it. A weight that still is keeps the file's bytes, and so every rounding there.</summary>
internal static unsafe class GgufChanges
{
    /// <summary>The file that a model came from.</summary>
    /// <exception cref="BadInputException">It came from none.</exception>
    public static GgufWeights Source(CausalLM model)
        => model.Files as GgufWeights ?? throw new BadInputException("only a model that was read from a GGUF file can be written as one", place: model.Source, remedy: "Write a folder instead.");

    /// <summary>For each changed tensor, by its name in the file, its new data; valid while the model lives.</summary>
    /// <param name="model">The model.</param>
    /// <param name="asked">The type that changed matrices are held in instead of the file's; null: the file's.</param>
    /// <exception cref="BadInputException">A weight is held in a form that is not what is to be written, or embedding and output layer were
    /// one tensor and differ now.</exception>
    public static Dictionary<string, GgufChange> Of(CausalLM model, GgufType? asked = null)
    {
        var source = Source(model);
        Dictionary<string, GgufChange> changes = new(StringComparer.Ordinal);
        StoredWeight? table = null;
        foreach (var (name, weight) in model.Stored())
        {
            if (ReferenceEquals(weight.Identity, model.Embedding.WeightIdentity)) table = weight;
            if (source.Shape(name) is null) RequireSame(source, table!, name, weight); // a tied output layer that merging gave a weight of its own
            else if (Change(source, name, weight, asked) is { } change) changes.Add(source.Stored(name), change);
        }
        return changes;
    }

    private static GgufChange? Change(GgufWeights source, string name, StoredWeight weight, GgufType? asked)
    {
        var type = asked is not null && source.Shape(name)!.Length == 2 ? asked : GgufType.Named(source.DType(name))!;
        if (weight.Quantized is not { } blocks)
            return IsFiles(source, name, weight) ? null
                : type.BlockElements == 1 ? new(type, s => WritePlain(source, name, weight, type, s))
                : throw Misfit(source, name, "expanded", type);
        if (blocks is PermutedRows) return null; // nothing but the file makes these
        if (blocks is GgufWeight made)
        {
            if (source.File.Quantized(source.Stored(name)) is GgufWeight old && old.Blocks == made.Blocks) return null;
            if (made.Type == type) return new(type, s => WriteBlocks(made, source.PermutedHeadSize(name), s));
        }
        throw Misfit(source, name, blocks.Kind, type);
    }

    // In bits of float32, which holds all plain types: what is no number is equal to itself here.
    private static bool IsFiles(GgufWeights source, string name, StoredWeight weight)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        Tensor mine = Values(weight).to(ScalarType.Float32), files = source.Get(name).to(ScalarType.Float32).contiguous();
        bool same = NativeTensors.SameBytes(NativeTensors.DataPointer(mine), NativeTensors.DataPointer(files),
            mine.NumberOfElements * mine.ElementSize);
        GC.KeepAlive((mine, files));
        source.Release(name);
        return same;
    }

    private static Tensor Values(StoredWeight weight) => weight.Parameter.detach().cpu().contiguous();

    private static void WritePlain(GgufWeights source, string name, StoredWeight weight, GgufType type, Stream stream)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var values = source.Put(name, Values(weight), type);
        if (!values.isfinite().all().item<bool>()) throw new BadInputException("the file's type cannot hold the new values",
            $"{name}: {type.Name}", source.Path, remedy: "Write a folder instead.");
        Write(stream, NativeTensors.DataPointer(values), values.NumberOfElements * values.ElementSize);
        GC.KeepAlive(values);
    }

    private static void WriteBlocks(GgufWeight weight, long headSize, Stream stream)
    {
        if (headSize == 0) { Write(stream, weight.Blocks, weight.Bytes); return; }
        long row = weight.Bytes / weight.Rows;
        var head = new byte[headSize * row];
        for (long first = 0; first < weight.Rows; first += headSize)
        {
            for (long i = 0; i < headSize; i++)
                new ReadOnlySpan<byte>(weight.Blocks + (first + i) * row, (int)row).CopyTo(head.AsSpan((int)(PermutedRows.InFile(i, headSize) * row)));
            stream.Write(head);
        }
    }

    private static void RequireSame(GgufWeights source, StoredWeight table, string name, StoredWeight head)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        bool same;
        if (table.Quantized is GgufWeight a && head.Quantized is GgufWeight b)
            same = a.Type == b.Type && NativeTensors.SameBytes(a.Blocks, b.Blocks, a.Bytes);
        else if (table.Quantized is null && head.Quantized is null)
        {
            Tensor x = Values(table), y = Values(head);
            same = x.dtype == y.dtype && NativeTensors.SameBytes(NativeTensors.DataPointer(x), NativeTensors.DataPointer(y),
                x.NumberOfElements * x.ElementSize);
            GC.KeepAlive((x, y));
        }
        else same = false;
        if (!same)
            throw new BadInputException("embedding and output layer are one tensor in the file and are no longer the same, so that it would need another tensor", name, source.Path,
                remedy: "Write a folder instead (without --requantize), or train both alike (ensure_weight_tying).");
    }

    private static BadInputException Misfit(GgufWeights source, string name, string held, GgufType type)
        => new("a changed weight is not held as it is to be written", $"{name}: {held}", source.Path, type.Name.ToLowerInvariant(),
            "Load the model with quantize: keep, on the CPU, and merge into the same kind, or into the one that is asked for.");

    private static void Write(Stream stream, byte* data, long length)
    {
        const int portion = 1 << 24;
        for (long at = 0; at < length; at += portion) stream.Write(new ReadOnlySpan<byte>(data + at, (int)Math.Min(portion, length - at)));
    }
}
