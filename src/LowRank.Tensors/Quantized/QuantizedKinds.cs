using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>The table of what a matrix can be quantised to here, by name, and of the forms it is read from.</summary>
public static class QuantizedKinds
{
    private static readonly OrderedDictionary<string, Func<Tensor, QuantizedWeight>> ByName = new(StringComparer.Ordinal)
    {
        ["nf4"] = source => Bnb4Weight.Quantize("nf4", source),
        ["nf4-double"] = source => Bnb4Weight.Quantize("nf4", source, nested: true),
        ["fp4"] = source => Bnb4Weight.Quantize("fp4", source),
        ["fp4-double"] = source => Bnb4Weight.Quantize("fp4", source, nested: true),
        ["int8"] = Int8Weight.Quantize,
    };

    static QuantizedKinds()
    {
        foreach (var type in GgufQuantizer.Types.Where(t => t.BlockElements > 1)) ByName.Add(type.Name.ToLowerInvariant(), source => GgufWeight.Quantize(type, source));
    }

    /// <summary>All names: nf4, nf4-double, fp4, fp4-double, int8, q4_0, ...</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>Bits that a number takes in a kind, scales and all.</summary>
    public static double Bits(string kind) => GgufType.Named(kind) is { } type ? type.BlockBytes * 8.0 / type.BlockElements : kind switch
    {
        "nf4" or "fp4" => 4 + 32.0 / 64, // a float32 for 64 numbers
        "nf4-double" or "fp4-double" => 4 + 8.0 / 64 + 32.0 / (64 * 256),
        _ => 8,
    };

    /// <summary>Checks a name before any work is done, and the columns where they are known.</summary>
    /// <param name="kind">The name.</param>
    /// <param name="place">Where it stands, for messages.</param>
    /// <param name="columns">Columns of the matrix; null where none is known yet.</param>
    /// <exception cref="BadInputException">No such kind (lists them), or the columns are no whole number of blocks.</exception>
    public static void Check(string kind, string? place = null, long? columns = null)
    {
        if (!ByName.ContainsKey(kind)) throw new BadInputException("an unknown kind of quantisation", kind, place, string.Join(", ", Names), NearNames.Sentence(kind, Names));
        if (columns is { } known && GgufType.Named(kind) is { } type) GgufQuantizer.Check(type, known, place);
    }

    /// <summary>Quantises a matrix [rows, columns] of any float dtype.</summary>
    /// <param name="kind">One of <see cref="Names"/>.</param>
    /// <param name="source">The matrix.</param>
    /// <param name="place">What it is, for messages (the parameter's name).</param>
    /// <exception cref="BadInputException">No such kind, or the columns are no whole number of blocks.</exception>
    public static QuantizedWeight Quantize(string kind, Tensor source, string? place = null)
    {
        if (source.dim() != 2) throw new ArgumentException($"a matrix is needed, not {Companions.Shape(source.shape)}");
        Check(kind, place, source.shape[1]);
        return ByName[kind](source);
    }

    /// <summary>Quantises a matrix anew that is held in another kind's blocks.</summary>
    /// <param name="kind">One of <see cref="Names"/>.</param>
    /// <param name="source">The matrix.</param>
    /// <param name="place">What it is, for messages (the parameter's name).</param>
    /// <exception cref="BadInputException">No such kind, or the columns are no whole number of blocks.</exception>
    public static QuantizedWeight Quantize(string kind, QuantizedWeight source, string? place = null)
    {
        Check(kind, place, source.Columns);
        using var scope = NewDisposeScope();
        using var wide = WeightMemory.Matrix(source);
        return ByName[kind](wide.Floats([source.Rows, source.Columns]));
    }

    /// <summary>
    /// The parameter `X.weight` of a checkpoint in whichever quantised form its companions say (bitsandbytes 4 and 8 bit, float8, GPTQ, AWQ; any block type of a GGUF file);
    /// null where it is plain or absent. A view of the source where its order allows, valid while it is open.
    /// </summary>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static QuantizedWeight? Read(IWeightSource source, string name)
        => source is GgufFile file ? file.Shape(name) is { Length: 2 } && file.Entry(name).Type.BlockElements > 1 ? GgufWeight.Read(file, name) : null
            : Bnb4Weight.IsIn(source, name) ? Bnb4Weight.Read(source, name)
            : Int8Weight.IsIn(source, name) ? Int8Weight.Read(source, name)
            : Fp8Weight.IsIn(source, name) ? Fp8Weight.Read(source, name)
            : GptqWeight.IsIn(source, name) ? GptqWeight.Read(source, name)
            : AwqWeight.IsIn(source, name) ? AwqWeight.Read(source, name)
            : null;
}
