using System.Globalization;
using System.Text.Json;
using System.Xml;
using Apache.Arrow;
using Apache.Arrow.Arrays;
using Apache.Arrow.Scalars;
using Apache.Arrow.Types;

namespace LowRank.Training;

/// <summary>
/// Values of Arrow arrays as JSON: structs become objects, lists lists, maps objects, dictionaries what they point to, dates and times
/// texts. A struct's field that is null is left out, at every depth:
/// the table's common schema has put it there, no row had it.
/// </summary>
internal static class ArrowValues
{
    private const int Deepest = 60;

    /// <summary>Why a value is not written: "" where it is null or NaN (pandas' null), a reason where JSON has nothing for it; null: it is
    /// written.</summary>
    public static string? Missing(IArrowArray array, int row) => Resolve(ref array, ref row) ? array switch
    {
        Decimal32Array or Decimal64Array or Decimal128Array or Decimal256Array or StringArray or LargeStringArray or StringViewArray
            => null,
        DoubleArray or FloatArray or HalfFloatArray => Number(array, row) is var d && double.IsNaN(d) ? "" : double.IsFinite(d) ? null
            : "an infinite number",
        BinaryArray or LargeBinaryArray or BinaryViewArray or FixedSizeBinaryArray => System.Text.Unicode.Utf8.IsValid(Bytes(array, row))
            ? null : "bytes that are no text",
        IntervalArray<YearMonthInterval> or IntervalArray<DayTimeInterval> or IntervalArray<MonthDayNanosecondInterval> or UnionArray or RunEndEncodedArray => $"values of the type {array.Data.DataType.Name}",
        _ => null,
    } : "";

    /// <summary>Writes fields of one name and array each; those that are missing for a reason are told to <paramref
    /// name="left"/>.</summary>
    public static void WriteFields(Utf8JsonWriter writer, IReadOnlyList<Field> fields, IReadOnlyList<IArrowArray> arrays, int row,
        Action<string, string> left, int depth = 0)
    {
        for (int i = 0; i < fields.Count; i++)
            if (Missing(arrays[i], row) is { } why)
            {
                if (why.Length > 0) left(fields[i].Name, why);
            }
            else
            {
                writer.WritePropertyName(fields[i].Name);
                Write(writer, arrays[i], row, fields[i].Name, left, depth + 1);
            }
    }

    private static void Write(Utf8JsonWriter writer, IArrowArray array, int row, string name, Action<string, string> left, int depth)
    {
        if (depth > Deepest) throw new InvalidDataException("values are nested too deep");
        Resolve(ref array, ref row);
        switch (array)
        {
            case StringArray or LargeStringArray or StringViewArray: writer.WriteStringValue(Utf8(Bytes(array, row))); break;
            case BinaryArray or LargeBinaryArray or BinaryViewArray: writer.WriteStringValue(Bytes(array, row)); break;
            case BooleanArray a: writer.WriteBooleanValue(a.GetValue(row)!.Value); break;
            case UInt64Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case HalfFloatArray or FloatArray or DoubleArray: RowJson.WriteNumber(writer, Number(array, row)); break;
            case Decimal32Array a: writer.WriteRawValue(a.GetString(row)!); break;
            case Decimal64Array a: writer.WriteRawValue(a.GetString(row)!); break;
            case Decimal128Array a: writer.WriteRawValue(a.GetString(row)!); break; // before the bytes that decimals are kept in
            case Decimal256Array a: writer.WriteRawValue(a.GetString(row)!); break;
            case FixedSizeBinaryArray: writer.WriteStringValue(Bytes(array, row)); break;
            case TimestampArray or Date32Array or Date64Array or Time32Array or Time64Array or DurationArray: writer.WriteStringValue(Time(array, row)); break;
            case MapArray a: WriteMap(writer, a, row, name, left, depth); break;
            case StructArray a:
                writer.WriteStartObject();
                WriteFields(writer, ((StructType)a.Data.DataType).Fields, a.Fields, row, left, depth);
                writer.WriteEndObject();
                break;
            case ListArray or LargeListArray or FixedSizeListArray or ListViewArray or LargeListViewArray:
                WriteList(writer, array, row, name, left, depth);
                break;
            default: writer.WriteNumberValue(Whole(array, row)); break;
        }
    }

    /// <summary>Follows dictionaries and extensions to the value itself; false where it is null.</summary>
    private static bool Resolve(ref IArrowArray array, ref int row)
    {
        for (int depth = 0; depth <= Deepest; depth++)
        {
            if ((uint)row >= (uint)array.Length) throw new InvalidDataException("an array is shorter than its rows");
            if (array is ExtensionArray extension) array = extension.Storage;
            if (array is NullArray || array.IsNull(row)) return false;
            if (array is not DictionaryArray dictionary) return true;
            (array, row) = (dictionary.Dictionary, checked((int)Whole(dictionary.Indices, row)));
        }
        throw new InvalidDataException("dictionaries are nested too deep");
    }

    // An item or a map's value, whose place counts; where it is missing for a reason, that is told of the column.
    private static void WriteItem(Utf8JsonWriter writer, IArrowArray array, int row, string name, Action<string, string> left, int depth)
    {
        string? why = Missing(array, row);
        if (why is null) Write(writer, array, row, name, left, depth);
        else writer.WriteNullValue();
        if (why is { Length: > 0 }) left(name, why);
    }

    private static void WriteList(Utf8JsonWriter writer, IArrowArray array, int row, string name, Action<string, string> left, int depth)
    {
        var (values, start, count) = array switch
        {
            ListArray a => (a.Values, a.ValueOffsets[row], (long)a.ValueOffsets[row + 1] - a.ValueOffsets[row]),
            LargeListArray a => (a.Values, checked((int)a.ValueOffsets[row]), a.ValueOffsets[row + 1] - a.ValueOffsets[row]),
            FixedSizeListArray a when ((FixedSizeListType)a.Data.DataType).ListSize is var size => (a.Values,
                checked((a.Offset + row) * size), size),
            ListViewArray a => (a.Values, a.ValueOffsets[row], a.Sizes[row]),
            LargeListViewArray a => (a.Values, checked((int)a.ValueOffsets[row]), a.Sizes[row]),
            _ => throw new InvalidDataException($"a list of the kind {array.Data.DataType.Name}"),
        };
        writer.WriteStartArray();
        for (int i = start; i < start + count; i++) WriteItem(writer, values, i, name, left, depth + 1);
        writer.WriteEndArray();
    }

    private static void WriteMap(Utf8JsonWriter writer, MapArray array, int row, string name, Action<string, string> left, int depth)
    {
        writer.WriteStartObject();
        for (int i = array.ValueOffsets[row]; i < array.ValueOffsets[row + 1]; i++)
        {
            writer.WritePropertyName(Key(array.Keys, i));
            WriteItem(writer, array.Values, i, name, left, depth + 1); // unlike a struct's, a map's keys are the row's own
        }
        writer.WriteEndObject();
    }

    private static string Key(IArrowArray keys, int row)
    {
        if (Missing(keys, row) is not null) throw new InvalidDataException("a map has a key that is no text");
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) Write(writer, keys, row, "", static (_, _) => { }, 0);
        using var parsed = JsonDocument.Parse(buffer.WrittenMemory);
        return parsed.RootElement.ToString();
    }

    private static double Number(IArrowArray array, int row) => array switch
    {
        HalfFloatArray a => (double)a.GetValue(row)!.Value, FloatArray a => a.GetValue(row)!.Value, DoubleArray a => a.GetValue(row)!.Value,
        _ => throw new InvalidDataException($"values of the type {array.Data.DataType.Name}"),
    };

    private static long Whole(IArrowArray array, int row) => array switch
    {
        Int8Array a => a.GetValue(row)!.Value, UInt8Array a => a.GetValue(row)!.Value, Int16Array a => a.GetValue(row)!.Value, UInt16Array a => a.GetValue(row)!.Value,
        Int32Array a => a.GetValue(row)!.Value, UInt32Array a => a.GetValue(row)!.Value, Int64Array a => a.GetValue(row)!.Value,
            UInt64Array a => checked((long)a.GetValue(row)!.Value),
        _ => throw new InvalidDataException($"values of the type {array.Data.DataType.Name}"),
    };

    private static ReadOnlySpan<byte> Utf8(ReadOnlySpan<byte> text) => System.Text.Unicode.Utf8.IsValid(text) ? text
        : throw new InvalidDataException("a text is not UTF-8");

    private static ReadOnlySpan<byte> Bytes(IArrowArray array, int row) => array switch
    {
        BinaryArray a => a.GetBytes(row), LargeBinaryArray a => a.GetBytes(row), BinaryViewArray a => a.GetBytes(row),
            FixedSizeBinaryArray a => a.GetBytes(row),
        _ => throw new InvalidDataException($"values of the type {array.Data.DataType.Name}"),
    };

    // ISO 8601 throughout; a time without a zone gets none.
    private static string Time(IArrowArray array, int row) => array switch
    {
        Date32Array a => Text(a.GetDateTime(row)!.Value, "yyyy-MM-dd"),
        Date64Array a => Text(a.GetDateTime(row)!.Value, "yyyy-MM-dd"),
        Time32Array a => Text(a.GetTime(row)!.Value, "HH:mm:ss.FFFFFFF"),
        Time64Array a => Text(a.GetTime(row)!.Value, "HH:mm:ss.FFFFFFF"),
        DurationArray a => XmlConvert.ToString(a.GetTimeSpan(row)!.Value),
        TimestampArray a when a.GetTimestamp(row)!.Value is var time
            => ((TimestampType)a.Data.DataType).Timezone is { Length: > 0 } ? Text(time, "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz")
                : Text(time.UtcDateTime, "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF"),
        _ => throw new InvalidDataException($"values of the type {array.Data.DataType.Name}"),
    };

    private static string Text(IFormattable value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
