namespace LowRank.Tensors;

/// <summary>How a GGUF tensor's numbers are stored: rows of blocks, each <see cref="BlockElements"/> numbers in <see cref="BlockBytes"/> bytes.</summary>
/// <param name="Id">The number in the file.</param>
/// <param name="Name">ggml's name (F16, Q4_K, ...).</param>
/// <param name="BlockElements">Numbers in a block; a row is a whole number of blocks.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
/// <param name="Readable">Whether <see cref="GgufFile"/> turns it into floats; of the others it only knows the size.</param>
public sealed record GgufType(int Id, string Name, int BlockElements, int BlockBytes, bool Readable)
{
    private static readonly Dictionary<int, GgufType> ById = new GgufType[]
    {
        new(0, "F32", 1, 4, true), new(1, "F16", 1, 2, true), new(30, "BF16", 1, 2, true),
        new(2, "Q4_0", 32, 18, true), new(3, "Q4_1", 32, 20, true), new(6, "Q5_0", 32, 22, true), new(7, "Q5_1", 32, 24, true), new(8, "Q8_0", 32, 34, true),
        new(12, "Q4_K", 256, 144, true), new(13, "Q5_K", 256, 176, true), new(14, "Q6_K", 256, 210, true),
        new(9, "Q8_1", 32, 36, false), new(10, "Q2_K", 256, 84, true), new(11, "Q3_K", 256, 110, true), new(15, "Q8_K", 256, 292, false),
        new(16, "IQ2_XXS", 256, 66, true), new(17, "IQ2_XS", 256, 74, true), new(18, "IQ3_XXS", 256, 98, true), new(19, "IQ1_S", 256, 50, true),
        new(20, "IQ4_NL", 32, 18, true), new(21, "IQ3_S", 256, 110, true), new(22, "IQ2_S", 256, 82, true), new(23, "IQ4_XS", 256, 136, true), new(29, "IQ1_M", 256, 56, true),
        new(24, "I8", 1, 1, false), new(25, "I16", 1, 2, false), new(26, "I32", 1, 4, false), new(27, "I64", 1, 8, false), new(28, "F64", 1, 8, false),
        new(34, "TQ1_0", 256, 54, true), new(35, "TQ2_0", 256, 66, true), new(39, "MXFP4", 32, 17, true), new(40, "NVFP4", 64, 36, true),
        new(41, "Q1_0", 128, 18, true), new(42, "Q2_0", 64, 18, true),
    }.ToDictionary(t => t.Id);

    /// <summary>The type with a number; null where the format has none.</summary>
    public static GgufType? Of(int id) => ById.GetValueOrDefault(id);

    /// <summary>The type with a name, whatever its case (Q4_K, q4_k); null where the format has none.</summary>
    public static GgufType? Named(string name) => ById.Values.FirstOrDefault(t => t.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Names of the types that can be read, for messages.</summary>
    public static IEnumerable<string> ReadableNames => ById.Values.Where(t => t.Readable).Select(t => t.Name);
}

/// <summary>One tensor of a GGUF file.</summary>
/// <param name="Name">Its name in the file (blk.0.attn_q.weight).</param>
/// <param name="Type">How it is stored.</param>
/// <param name="Shape">Row-major: [rows, columns] for a matrix (the file lists the sizes the other way round).</param>
/// <param name="Offset">Offset of its first byte in the file.</param>
/// <param name="Bytes">Bytes it takes.</param>
public sealed record GgufTensor(string Name, GgufType Type, long[] Shape, long Offset, long Bytes);
