using System.Text.Json;
using Apache.Arrow;

namespace LowRank.Training;

/// <summary>Values of Arrow arrays as JSON: structs become objects, lists lists, maps objects, dictionaries what they point to.</summary>
internal static class ArrowValues
{
    private const int Deepest = 60;

    public static void Write(Utf8JsonWriter writer, IArrowArray array, int row, int depth = 0)
    {
        if ((uint)row >= (uint)array.Length) throw new InvalidDataException("an array is shorter than its rows");
        if (depth > Deepest) throw new InvalidDataException("values are nested too deep");
        if (array.IsNull(row) || array is NullArray)
        {
            writer.WriteNullValue();
            return;
        }
        switch (array)
        {
            case StringArray a: writer.WriteStringValue(a.GetBytes(row)); break;
            case LargeStringArray a: writer.WriteStringValue(a.GetString(row)); break;
            case StringViewArray a: writer.WriteStringValue(a.GetString(row)); break;
            case BinaryArray a: RowJson.WriteBytes(writer, a.GetBytes(row)); break;
            case LargeBinaryArray a: RowJson.WriteBytes(writer, a.GetBytes(row)); break;
            case BooleanArray a: writer.WriteBooleanValue(a.GetValue(row)!.Value); break;
            case Int8Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case UInt8Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case Int16Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case UInt16Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case Int32Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case UInt32Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case Int64Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case UInt64Array a: writer.WriteNumberValue(a.GetValue(row)!.Value); break;
            case HalfFloatArray a: RowJson.WriteNumber(writer, (double)a.GetValue(row)!.Value); break;
            case FloatArray a: RowJson.WriteNumber(writer, a.GetValue(row)!.Value); break;
            case DoubleArray a: RowJson.WriteNumber(writer, a.GetValue(row)!.Value); break;
            case TimestampArray a: writer.WriteStringValue(a.GetTimestamp(row)!.Value); break;
            case MapArray a: WriteMap(writer, a, row, depth); break;
            case ListArray a: WriteList(writer, a.Values, a.ValueOffsets[row], a.ValueOffsets[row + 1], depth); break;
            case LargeListArray a: WriteList(writer, a.Values, checked((int)a.ValueOffsets[row]), checked((int)a.ValueOffsets[row + 1]), depth); break;
            case FixedSizeListArray a:
                int size = ((Apache.Arrow.Types.FixedSizeListType)a.Data.DataType).ListSize;
                WriteList(writer, a.Values, (a.Offset + row) * size, (a.Offset + row + 1) * size, depth);
                break;
            case DictionaryArray a: Write(writer, a.Dictionary, Index(a.Indices, row), depth + 1); break;
            case StructArray a: WriteStruct(writer, a, row, depth); break;
            default: writer.WriteNullValue(); break; // neither text nor a number, such as a duration
        }
    }

    private static void WriteList(Utf8JsonWriter writer, IArrowArray values, int start, int end, int depth)
    {
        writer.WriteStartArray();
        for (int i = start; i < end; i++) Write(writer, values, i, depth + 1);
        writer.WriteEndArray();
    }

    private static void WriteStruct(Utf8JsonWriter writer, StructArray array, int row, int depth)
    {
        var fields = ((Apache.Arrow.Types.StructType)array.Data.DataType).Fields;
        writer.WriteStartObject();
        for (int i = 0; i < fields.Count; i++)
        {
            writer.WritePropertyName(fields[i].Name);
            Write(writer, array.Fields[i], row, depth + 1);
        }
        writer.WriteEndObject();
    }

    private static void WriteMap(Utf8JsonWriter writer, MapArray array, int row, int depth)
    {
        writer.WriteStartObject();
        for (int i = array.ValueOffsets[row]; i < array.ValueOffsets[row + 1]; i++)
        {
            writer.WritePropertyName(array.Keys is StringArray keys ? keys.GetString(i) : throw new InvalidDataException("a map's keys are no texts"));
            Write(writer, array.Values, i, depth + 1);
        }
        writer.WriteEndObject();
    }

    private static int Index(IArrowArray indices, int row) => indices switch
    {
        Int8Array a => a.GetValue(row)!.Value, UInt8Array a => a.GetValue(row)!.Value, Int16Array a => a.GetValue(row)!.Value, UInt16Array a => a.GetValue(row)!.Value,
        Int32Array a => a.GetValue(row)!.Value, UInt32Array a => checked((int)a.GetValue(row)!.Value), Int64Array a => checked((int)a.GetValue(row)!.Value),
        _ => throw new InvalidDataException("a dictionary's indices are no whole numbers"),
    };
}
