using System.Runtime.CompilerServices;
using System.Text;

namespace LowRank.Tensors;

/// <summary>Reads a GGUF header from front to back. Every length is held against the bytes left before anything is allocated.</summary>
internal sealed class GgufCursor(MappedFile file)
{
    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    public long Position { get; private set; }

    private long Left => file.Length - Position;

    /// <summary>The error in this file; long values are cut.</summary>
    public BadInputException Bad(string problem, string? value = null, string? expected = null, string? remedy = null)
        => new(problem, value is { Length: > 200 } ? value[..200] + "..." : value, file.Path, expected, remedy);

    public T Read<T>(string what) where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        if (Left < size) throw Truncated(what);
        var value = Unsafe.ReadUnaligned<T>(in file.Span(Position, size)[0]);
        Position += size;
        return value;
    }

    /// <summary>The 64-bit length of a list of things that take at least <paramref name="least"/> bytes each.</summary>
    public int Count(string what, int least)
    {
        ulong count = Read<ulong>(what);
        if (count > (ulong)(Left / least) || count > int.MaxValue)
            throw Bad($"the length of the {what} does not fit the file", $"{count}", $"at most {Left / least}, for {Left} bytes are left", "The file is truncated or damaged: download or copy it again.");
        return (int)count;
    }

    public string Text(string what)
    {
        int length = Count(what, 1);
        var bytes = file.Span(Position, length);
        Position += length;
        try { return Utf8.GetString(bytes); }
        catch (DecoderFallbackException) { throw Bad($"the {what} is not UTF-8 text"); }
    }

    /// <summary>Passes over a list of texts, which is checked as it is when read.</summary>
    public void PassTexts(string what)
    {
        for (int left = Count(what, 8); left > 0; left--)
        {
            int length = Count(what, 1);
            var bytes = file.Span(Position, length);
            Position += length;
            try { _ = Utf8.GetCharCount(bytes); }
            catch (DecoderFallbackException) { throw Bad($"the {what} is not UTF-8 text"); }
        }
    }

    public bool Flag(string what)
        => Read<byte>(what) switch { 0 => false, 1 => true, var other => throw Bad($"the {what} is no truth value", $"{other}", "0 or 1") };

    /// <summary>An array of values that take at least <paramref name="least"/> bytes each.</summary>
    public T[] Array<T>(string what, Func<string, T> read, int least)
    {
        var values = new T[Count(what, least)];
        for (int i = 0; i < values.Length; i++) values[i] = read(what);
        return values;
    }

    /// <summary>An array of numbers, copied as it lies in the file.</summary>
    public T[] Numbers<T>(string what) where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>(), count = Count(what, size);
        if ((long)count * size > int.MaxValue) throw Bad($"the {what} is longer than 2 GiB");
        T[] values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(file.Span(Position, count * size)).ToArray();
        Position += (long)count * size;
        return values;
    }

    private BadInputException Truncated(string what)
        => Bad($"the file ends before its {what}", $"{file.Length} bytes", remedy: "It may be an unfinished download: download or copy it again.");
}
