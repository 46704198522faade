namespace LowRank.Tensors;

/// <summary>The table of what turns float32 rows into ggml's blocks. The plain types give ggml's bytes, the K types its precision or a little better.</summary>
public static unsafe class GgufQuantizer
{
    private delegate void Encoder(float* source, byte* block);

    private static readonly Dictionary<string, Encoder> Encoders = new(StringComparer.Ordinal)
    {
        ["F16"] = GgufPlainEncoders.F16, ["BF16"] = GgufPlainEncoders.BF16,
        ["Q4_0"] = GgufPlainEncoders.Q4_0, ["Q4_1"] = GgufPlainEncoders.Q4_1, ["Q5_0"] = GgufPlainEncoders.Q5_0, ["Q5_1"] = GgufPlainEncoders.Q5_1, ["Q8_0"] = GgufPlainEncoders.Q8_0,
        ["Q2_K"] = GgufKEncoders.Q2_K, ["Q3_K"] = GgufKEncoders.Q3_K, ["Q4_K"] = GgufKEncoders.Q4_K, ["Q5_K"] = GgufKEncoders.Q5_K, ["Q6_K"] = GgufKEncoders.Q6_K,
        ["TQ1_0"] = GgufTernaryEncoders.TQ1_0, ["TQ2_0"] = GgufTernaryEncoders.TQ2_0, ["MXFP4"] = GgufPlainEncoders.MXFP4,
    };

    /// <summary>The types that can be written.</summary>
    public static IReadOnlyList<GgufType> Types { get; } = [.. Encoders.Keys.Select(name => GgufType.Named(name)!)];

    /// <summary>Quantises rows that lie one after the other into blocks that do, on all cores.</summary>
    /// <exception cref="BadInputException">The type has no quantiser, or the columns are no whole number of blocks.</exception>
    public static void Quantize(GgufType type, float* source, long rows, long columns, byte* blocks)
    {
        Check(type, columns);
        var encode = Encoders[type.Name];
        long rowBlocks = columns / type.BlockElements;
        Parallel.For(0, rows, row =>
        {
            float* x = source + row * columns;
            byte* block = blocks + row * rowBlocks * type.BlockBytes;
            for (long i = 0; i < rowBlocks; i++, x += type.BlockElements, block += type.BlockBytes) encode(x, block);
        });
    }

    /// <summary>Refuses what cannot be quantised, before any memory is taken.</summary>
    internal static void Check(GgufType type, long columns, string? place = null)
    {
        if (!Encoders.ContainsKey(type.Name))
            throw new BadInputException("this type of block is read but not written", type.Name, place, "one of " + string.Join(", ", Encoders.Keys));
        if (columns % type.BlockElements != 0) throw NoWholeBlocks(type, columns, place);
    }

    internal static BadInputException NoWholeBlocks(GgufType type, long columns, string? place = null)
        => new($"the rows are no whole number of {type.Name} blocks", $"{columns} columns", place, $"a multiple of {type.BlockElements}", "Choose a type with smaller blocks (q8_0 and q4_0: 32), or nf4, which has no such bound.");
}
