using System.Text.Json;
using Parquet.Data;
using Parquet.Schema;

namespace LowRank.Training;

/// <summary>A column of values with its levels, and where reading has come to.</summary>
internal sealed class ParquetLeaf(DataField field, RawColumnData data, int count) : ParquetNode(field.Name), IDisposable
{
    private readonly int _full = field.MaxDefinitionLevel;
    private readonly bool _repeats = field.MaxRepetitionLevel > 0;
    private readonly Action<Utf8JsonWriter, int> _write = Writer(data);
    private int _at, _value;

    public override ParquetLeaf First => this;

    /// <summary>The definition level of the next entry: the value is there where it is the column's greatest.</summary>
    public int Definition => _full == 0 ? 0 : data.DefinitionLevels[_at];
    /// <summary>The repetition level of the next entry; -1 at the end.</summary>
    public int Repetition => _at >= count ? -1 : _repeats ? data.RepetitionLevels[_at] : 0;

    public override void Skip() => _at++;

    public override void Write(Utf8JsonWriter writer)
    {
        if (_at >= count) throw new InvalidDataException($"the column {Name} has too few values");
        if (Definition < _full) writer.WriteNullValue();
        else _write(writer, _value++); // only values that are there are stored
        _at++;
    }

    /// <summary>The next entry as a map's key.</summary>
    public string TakeText()
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) Write(writer);
        using var parsed = JsonDocument.Parse(buffer.WrittenMemory);
        return parsed.RootElement.ToString();
    }

    /// <summary>Gives the reader its buffers back.</summary>
    public void Dispose() => data.Dispose();

    private static Action<Utf8JsonWriter, int> Writer(RawColumnData data) => data switch
    {
        RawColumnData<ReadOnlyMemory<char>> c => (w, i) => w.WriteStringValue(c.Values[i].Span),
        RawColumnData<ReadOnlyMemory<byte>> c => (w, i) => RowJson.WriteBytes(w, c.Values[i].Span),
        RawColumnData<bool> c => (w, i) => w.WriteBooleanValue(c.Values[i]),
        RawColumnData<sbyte> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<byte> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<short> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<ushort> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<int> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<uint> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<long> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<ulong> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<float> c => (w, i) => RowJson.WriteNumber(w, c.Values[i]),
        RawColumnData<double> c => (w, i) => RowJson.WriteNumber(w, c.Values[i]),
        RawColumnData<decimal> c => (w, i) => w.WriteNumberValue(c.Values[i]),
        RawColumnData<DateTime> c => (w, i) => w.WriteStringValue(c.Values[i]),
        _ => static (w, _) => w.WriteNullValue(), // neither text nor a number, such as an interval
    };
}
