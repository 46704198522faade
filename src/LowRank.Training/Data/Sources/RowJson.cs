using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LowRank.Training;

/// <summary>Writes rows of files that are no JSON as JSON objects, with one buffer for all.</summary>
internal sealed class RowJson
{
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly Utf8JsonWriter _writer;

    public RowJson() => _writer = new(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    /// <summary>An object that <paramref name="write"/> puts its properties into.</summary>
    public byte[] Write<T>(T state, Action<Utf8JsonWriter, T> write)
    {
        _buffer.ResetWrittenCount();
        _writer.Reset();
        _writer.WriteStartObject();
        write(_writer, state);
        _writer.WriteEndObject();
        _writer.Flush();
        return _buffer.WrittenSpan.ToArray();
    }

    /// <summary>A number; null for what JSON has no number for.</summary>
    public static void WriteNumber(Utf8JsonWriter writer, double value)
    {
        if (double.IsFinite(value)) writer.WriteNumberValue(value);
        else writer.WriteNullValue();
    }

    /// <summary>Bytes that are text; null for others, such as pictures.</summary>
    public static void WriteBytes(Utf8JsonWriter writer, ReadOnlySpan<byte> bytes)
    {
        if (System.Text.Unicode.Utf8.IsValid(bytes)) writer.WriteStringValue(bytes);
        else writer.WriteNullValue();
    }
}
