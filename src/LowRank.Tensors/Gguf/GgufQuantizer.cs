namespace LowRank.Tensors;

/// <summary>Turns float32 rows into ggml's blocks.</summary>
public static unsafe class GgufQuantizer
{
    /// <summary>The types that can be written.</summary>
    public static IReadOnlyList<GgufType> Types => throw new NotImplementedException();

    /// <summary>Quantises rows that lie one after the other into blocks that do, on all cores.</summary>
    /// <exception cref="BadInputException">The type has no quantiser, or the columns are no whole number of blocks.</exception>
    public static void Quantize(GgufType type, float* source, long rows, long columns, byte* blocks) => throw new NotImplementedException();
}
