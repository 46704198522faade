using System.Text;
using System.Text.Json;

namespace LowRank.Tensors;

/// <summary>One tensor's place in a safetensors file; offsets count from the first byte after the header.</summary>
public sealed record SafetensorsEntry(string Name, string DType, long[] Shape, long Begin, long End);

/// <summary>
/// The header of a safetensors file: 8 bytes of length (little endian), then JSON. Read strictly: an unknown dtype, a wrong size, a
/// duplicate name, an overlap, a hole or bytes beyond the last tensor are each refused. Format: github.com/huggingface/safetensors.
/// </summary>
public sealed class SafetensorsHeader
{
    private const long MaximumHeader = 100_000_000; // the reference library's own limit
    private const int MaximumDimensions = 64; // libtorch's own limit in many operators; a list of a million sizes would overflow the stack

    private SafetensorsHeader(IReadOnlyList<SafetensorsEntry> entries, IReadOnlyDictionary<string, string> metadata, long dataStart)
        => (Entries, Metadata, DataStart) = (entries, metadata, dataStart);

    /// <summary>The tensors, by their place in the file.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }
    /// <summary>The `__metadata__` strings; empty where there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }
    /// <summary>Offset of the first data byte in the file.</summary>
    public long DataStart { get; }

    /// <summary>Reads and checks the header of a mapped file.</summary>
    /// <exception cref="BadInputException">The header is not exactly what the format demands.</exception>
    public static SafetensorsHeader Read(MappedFile file)
    {
        BadInputException Bad(string problem, string? value = null, string? expected = null, string? remedy = null)
            => new(problem, value, file.Path, expected, remedy);

        if (file.Length < 9 || file.Span(8, 1)[0] != (byte)'{') StandIn.Refuse(file.Path, file.Span(0, (int)Math.Min(file.Length, StandIn.Looked)), binary: true);
        if (file.Length < 8) throw Bad("the file is too short for a safetensors header", $"{file.Length} bytes", "at least 8 bytes", "It may be an unfinished download.");
        ulong length = BitConverter.ToUInt64(file.Span(0, 8));
        // A header of 384, 640, ... bytes begins with the same two bytes as a pickle does: only the brace behind the length tells.
        if ((file.Length == 8 || file.Span(8, 1)[0] != (byte)'{') && (file.Span(0, 2) is [0x80, <= 5] || file.Span(0, 4) is [(byte)'P', (byte)'K', 3, 4]))
            throw Bad("this is a pickle file, which can run code when it is read; only safetensors are read", remedy: PickleRemedy);
        if (length > MaximumHeader || length > (ulong)(file.Length - 8))
            throw Bad("the header's length does not fit the file", $"{length} bytes of header in a file of {file.Length}", $"at most {Math.Min(MaximumHeader, file.Length - 8)}", "The file is truncated or no safetensors file.");
        long dataStart = 8 + (long)length;
        var json = file.Span(8, (int)length);
        if (json.Length == 0 || json[0] != (byte)'{') throw Bad("the header is not a JSON object", remedy: "The file is no safetensors file.");

        List<SafetensorsEntry> entries;
        Dictionary<string, string> metadata;
        try { (entries, metadata) = Parse(json, Bad); }
        catch (JsonException e) { throw Bad("the header is not valid JSON: " + e.Message); }
        catch (InvalidOperationException e) { throw Bad("the header has a value of the wrong kind: " + e.Message); } // also text that is not UTF-8
        catch (FormatException e) { throw Bad("the header has a number that does not fit: " + e.Message); }
        CheckPlaces(entries, file.Length - dataStart, Bad);
        return new SafetensorsHeader(entries, metadata, dataStart);
    }

    /// <summary>How to turn a pickle file into safetensors.</summary>
    public const string PickleRemedy = "Convert it once where it was made: safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'model.safetensors')";

    private static (List<SafetensorsEntry>, Dictionary<string, string>) Parse(ReadOnlySpan<byte> json, Func<string, string?, string?, string?, BadInputException> bad)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        List<SafetensorsEntry> entries = [];
        Dictionary<string, string> metadata = new(StringComparer.Ordinal);
        HashSet<string> seen = new(StringComparer.Ordinal);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!seen.Add(name)) throw bad("the header names a tensor twice", name, null, null);
            reader.Read();
            if (name == "__metadata__" && reader.TokenType == JsonTokenType.Null) continue; // as the reference library
            if (reader.TokenType != JsonTokenType.StartObject) throw bad("an entry is not an object", name, null, null);
            if (name == "__metadata__")
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    string key = reader.GetString()!;
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.String) throw bad("a metadata value is no text", key, "a string", null);
                    if (!metadata.TryAdd(key, reader.GetString()!)) throw bad("the metadata names a key twice", key, null, null);
                }
            else entries.Add(ParseEntry(ref reader, name, bad));
        }
        if (reader.TokenType != JsonTokenType.EndObject) throw bad("the header ends early", null, null, null);
        while (reader.Read()) throw bad("there is text behind the header's object", null, null, null);
        return (entries, metadata);
    }

    private static SafetensorsEntry ParseEntry(ref Utf8JsonReader reader, string name, Func<string, string?, string?, string?, BadInputException> bad)
    {
        string? dtype = null;
        List<long>? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when dtype is null: dtype = reader.GetString(); break;
                case "shape" when shape is null: shape = Numbers(ref reader, name, bad); break;
                case "data_offsets" when offsets is null: offsets = Numbers(ref reader, name, bad); break;
                default: throw bad("an unknown or repeated key in a tensor's entry", $"{name}: {key}", "dtype, shape, data_offsets, each once", null);
            }
        }
        if (dtype is null || shape is null || offsets is not { Count: 2 }) throw bad("a tensor's entry is incomplete", name, "dtype, shape and data_offsets [begin, end]", null);
        if (SafetensorsDType.Bits(dtype) is not int bits) throw bad("an unknown dtype", $"{name}: {dtype}", "one of " + string.Join(", ", SafetensorsDType.All), null);

        if (shape.Count > MaximumDimensions) throw bad("a tensor has too many dimensions", $"{name}: {shape.Count}", $"at most {MaximumDimensions}", null);
        UInt128 total = (UInt128)(uint)bits;
        foreach (long size in shape) // a size of 0 counts as 1 here: also the strides of an empty tensor must not overflow
            if ((total *= (ulong)Math.Max(1, size)) > long.MaxValue) throw bad("a tensor's shape overflows", $"{name}: [{string.Join(", ", shape)}]", null, null);
        if (shape.Contains(0)) total = 0;
        if (offsets[1] < offsets[0] || total != (UInt128)(ulong)(offsets[1] - offsets[0]) * 8)
            throw bad("a tensor's bytes do not match its shape", $"{name}: {dtype} [{string.Join(", ", shape)}] in bytes {offsets[0]} to {offsets[1]}", $"{(total + 7) / 8} bytes", null);
        return new SafetensorsEntry(name, dtype, [.. shape], offsets[0], offsets[1]);
    }

    private static List<long> Numbers(ref Utf8JsonReader reader, string name, Func<string, string?, string?, string?, BadInputException> bad)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw bad("a list was expected in a tensor's entry", name, null, null);
        List<long> numbers = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long number = reader.GetInt64();
            if (number < 0) throw bad("a negative number in a tensor's entry", $"{name}: {number}", null, null);
            numbers.Add(number);
        }
        return numbers;
    }

    private static void CheckPlaces(List<SafetensorsEntry> entries, long dataLength, Func<string, string?, string?, string?, BadInputException> bad)
    {
        entries.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long at = 0;
        foreach (var entry in entries)
        {
            if (entry.Begin < at) throw bad("two tensors overlap", $"{entry.Name} begins at byte {entry.Begin}", $"byte {at}", null);
            if (entry.Begin > at) throw bad("there is a hole between tensors", $"{entry.Name} begins at byte {entry.Begin}", $"byte {at}", null);
            at = entry.End;
        }
        if (at != dataLength)
            throw bad("the tensors do not fill the file", $"{dataLength} bytes of data", $"{at} bytes", at > dataLength ? "The file is truncated: download or copy it again." : "There are bytes behind the last tensor.");
    }

    /// <summary>The bytes of a header (length included) for tensors that follow each other in the given order; padded to 8 bytes.</summary>
    internal static byte[] Write(IReadOnlyList<(string Name, string DType, long[] Shape, long Bytes)> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        buffer.Write(new byte[8]);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            long at = 0;
            foreach (var (name, dtype, shape, bytes) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", dtype);
                json.WriteStartArray("shape");
                foreach (long size in shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                json.WriteNumberValue(at += bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        byte[] header = buffer.ToArray();
        BitConverter.TryWriteBytes(header.AsSpan(0, 8), (long)header.Length - 8);
        return header;
    }
}
