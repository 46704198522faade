namespace LowRank.Tensors;

/// <summary>
/// The header of a GGUF file, versions 2 and 3, little endian: magic, version, counts, key-value pairs, tensor infos. Read strictly, so that
/// every tensor lies inside the file and apart from the others. Format: github.com/ggml-org/ggml, docs/gguf.md.
/// </summary>
internal static class GgufHeader
{
    private const int MaximumDimensions = 4;
    private const int LeastPair = 13, LeastTensor = 24; // name length + type + one byte; name length + dimensions + type + offset

    private const int ArrayType = 9, TextType = 8;

    /// <summary>Reads and checks the header of a mapped file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="lists">False: lists of texts are checked, but left out.</param>
    public static (int Version, OrderedDictionary<string, object> Metadata, List<GgufTensor> Tensors, GgufPairs Pairs,
        long Alignment) Read(MappedFile file, bool lists = true)
    {
        var cursor = new GgufCursor(file);
        int version = Version(cursor, file);
        int tensorCount = cursor.Count("tensor list", LeastTensor), pairCount = cursor.Count("key list", LeastPair);

        OrderedDictionary<string, object> metadata = new(StringComparer.Ordinal);
        HashSet<string> left = new(StringComparer.Ordinal);
        long from = cursor.Position;
        for (int i = 0; i < pairCount; i++)
        {
            string key = cursor.Text("key");
            if (metadata.ContainsKey(key) || left.Contains(key)) throw cursor.Bad("the metadata names a key twice", key);
            if (Value(cursor, key, lists) is { } value) metadata.Add(key, value);
            else left.Add(key);
        }
        var pairs = new GgufPairs(from, cursor.Position, pairCount);

        List<GgufTensor> tensors = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (int i = 0; i < tensorCount; i++)
        {
            var tensor = Info(cursor);
            if (!seen.Add(tensor.Name)) throw cursor.Bad("the file names a tensor twice", tensor.Name);
            tensors.Add(tensor);
        }
        long alignment = Alignment(cursor, metadata);
        return (version, metadata, Place(cursor, tensors, alignment, file.Length), pairs, alignment);
    }

    private static int Version(GgufCursor cursor, MappedFile file)
    {
        uint magic = cursor.Read<uint>("magic number");
        if (magic != 0x46554747) StandIn.Refuse(file.Path, file.Span(0, (int)Math.Min(file.Length, StandIn.Looked)), binary: true);
        if (magic != 0x46554747) throw cursor.Bad("this is no GGUF file", $"first bytes 0x{magic:x8}", "the letters GGUF", "Older ggml files are converted by llama.cpp.");
        uint version = cursor.Read<uint>("version");
        if ((version & 0xffff) == 0 && version != 0)
            throw cursor.Bad("the file is big endian", remedy: "Only little-endian GGUF files are read: convert it with llama.cpp's gguf-py (gguf_convert_endian.py).");
        if (version is not (2 or 3)) throw cursor.Bad("this version of GGUF is not read", $"version {version}", "version 2 or 3", version == 1 ? "Convert the model again with a current llama.cpp." : null);
        return (int)version;
    }

    private static object? Value(GgufCursor cursor, string key, bool lists)
    {
        int type = cursor.Read<int>($"type of '{key}'");
        string what = $"value of '{key}'";
        return type switch
        {
            0 => cursor.Read<byte>(what), 1 => cursor.Read<sbyte>(what), 2 => cursor.Read<ushort>(what), 3 => cursor.Read<short>(what),
            4 => cursor.Read<uint>(what), 5 => cursor.Read<int>(what), 6 => cursor.Read<float>(what), 7 => cursor.Flag(what), TextType => cursor.Text(what),
            10 => cursor.Read<ulong>(what), 11 => cursor.Read<long>(what), 12 => cursor.Read<double>(what),
            ArrayType => Array(cursor, what, lists),
            _ => throw cursor.Bad("an unknown value type", $"type {type} of key {key}", "0 to 12"),
        };
    }

    private static object? Array(GgufCursor cursor, string what, bool lists)
    {
        int type = cursor.Read<int>(what);
        if (type == TextType && !lists)
        {
            cursor.PassTexts(what);
            return null;
        }
        return type switch
        {
            0 => cursor.Numbers<byte>(what), 1 => cursor.Numbers<sbyte>(what), 2 => cursor.Numbers<ushort>(what), 3 => cursor.Numbers<short>(what),
            4 => cursor.Numbers<uint>(what), 5 => cursor.Numbers<int>(what), 6 => cursor.Numbers<float>(what),
            7 => cursor.Array(what, cursor.Flag, 1), TextType => cursor.Array(what, cursor.Text, 8),
            10 => cursor.Numbers<ulong>(what), 11 => cursor.Numbers<long>(what), 12 => cursor.Numbers<double>(what),
            ArrayType => throw cursor.Bad("an array of arrays", what, "an array of plain values", "ggml does not read this either."),
            _ => throw cursor.Bad("an unknown value type in an array", $"type {type}, {what}", "0 to 12"),
        };
    }

    private static long Alignment(GgufCursor cursor, OrderedDictionary<string, object> metadata)
    {
        if (!metadata.TryGetValue("general.alignment", out object? value)) return 32;
        return value is uint alignment && System.Numerics.BitOperations.IsPow2(alignment)
            ? alignment
            : throw cursor.Bad("general.alignment is no power of two", $"{value} ({value.GetType().Name})", "a 32-bit unsigned power of two, such as 32");
    }

    /// <summary>One tensor's info; its offset still counts from the start of the data.</summary>
    private static GgufTensor Info(GgufCursor cursor)
    {
        string name = cursor.Text("tensor name");
        uint dimensions = cursor.Read<uint>("number of dimensions");
        if (dimensions > MaximumDimensions) throw cursor.Bad("a tensor has too many dimensions", $"{name}: {dimensions}", $"at most {MaximumDimensions}");
        var shape = new long[dimensions];
        long elements = 1;
        for (int i = 0; i < shape.Length; i++)
        {
            long size = cursor.Read<long>("tensor sizes");
            // A size of 0 counts as 1 here: also the strides of an empty tensor must not overflow. 8 bytes is the most an element takes.
            if (size < 0 || Math.BigMul(elements, Math.Max(1, size)) > long.MaxValue / 8) throw cursor.Bad("a tensor's shape overflows", $"{name}: size {size}");
            elements *= Math.Max(1, size);
            shape[^(i + 1)] = size;
        }
        int id = cursor.Read<int>("tensor type");
        var type = GgufType.Of(id) ?? throw cursor.Bad("an unknown tensor type", $"{name}: type {id}", remedy: "The file is damaged, or of a newer ggml than is known here.");
        long row = shape.Length == 0 ? 1 : shape[^1];
        if (row % type.BlockElements != 0) throw cursor.Bad("a tensor's rows are no whole number of blocks", $"{name}: {row} numbers a row of {type.Name}", $"a multiple of {type.BlockElements}");
        long bytes = shape.Contains(0) ? 0 : elements / type.BlockElements * type.BlockBytes;
        return new GgufTensor(name, type, shape, cursor.Read<long>("tensor offset"), bytes);
    }

    /// <summary>The tensors with offsets from the start of the file, checked to lie aligned, inside it and apart.</summary>
    private static List<GgufTensor> Place(GgufCursor cursor, List<GgufTensor> tensors, long alignment, long length)
    {
        long start = (cursor.Position + alignment - 1) / alignment * alignment;
        List<GgufTensor> placed = new(tensors.Count);
        foreach (var tensor in tensors)
        {
            if (tensor.Offset < 0 || tensor.Offset % alignment != 0) throw cursor.Bad("a tensor's offset is not aligned", $"{tensor.Name}: {tensor.Offset}", $"a multiple of {alignment}");
            if (start > length || tensor.Offset > length - start || tensor.Bytes > length - start - tensor.Offset)
                throw cursor.Bad("a tensor lies outside the file", $"{tensor.Name}: {tensor.Bytes} bytes at {tensor.Offset} of the data", $"at most {Math.Max(0, length - start)} bytes of data", "The file is truncated: download or copy it again.");
            placed.Add(tensor with { Offset = start + tensor.Offset });
        }
        GgufTensor? last = null;
        foreach (var tensor in placed.Where(t => t.Bytes > 0).OrderBy(t => t.Offset))
        {
            if (last is not null && tensor.Offset < last.Offset + last.Bytes) throw cursor.Bad("two tensors overlap", $"{last.Name} and {tensor.Name}");
            last = tensor;
        }
        return placed;
    }
}

/// <summary>Where the key-value pairs lie in a file, and how many they are.</summary>
internal sealed record GgufPairs(long From, long To, int Count);
