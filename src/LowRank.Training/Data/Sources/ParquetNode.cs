using System.Text.Json;
using Parquet.Schema;

namespace LowRank.Training;

/// <summary>A field of a parquet file that puts nested rows together again from columns with definition and repetition levels (Melnik et al. 2010).</summary>
internal abstract class ParquetNode(string name)
{
    public string Name => name;

    /// <summary>The first column below: its levels tell whether this field is there and how often.</summary>
    public abstract ParquetLeaf First { get; }
    /// <summary>Writes the value of the row that the columns stand at, and moves them past it.</summary>
    public abstract void Write(Utf8JsonWriter writer);
    /// <summary>Moves past a row in which the field is not there.</summary>
    public abstract void Skip();

    /// <summary>Writes name and value; nothing for a value that has no place in JSON.</summary>
    public void WriteProperty(Utf8JsonWriter writer)
    {
        writer.WritePropertyName(name);
        Write(writer);
    }

    public static ParquetNode Of(Field field, IReadOnlyDictionary<string, ParquetLeaf> leaves) => field switch
    {
        ListField list => new ParquetList(list.Name, list.MaxDefinitionLevel, list.MaxRepetitionLevel, Of(list.Item, leaves)),
        StructField group when group.Fields.Count > 0 => new ParquetStruct(group.Name, group.IsNullable ? group.MaxDefinitionLevel : -1, [.. group.Fields.Select(f => Of(f, leaves))]),
        MapField map => new ParquetMap(map.Name, map.MaxDefinitionLevel, map.MaxRepetitionLevel, Of(map.Key, leaves), Of(map.Value, leaves)),
        DataField { IsArray: true } array => new ParquetList(array.Name, array.MaxDefinitionLevel, array.MaxRepetitionLevel, leaves[array.Path.ToString()]),
        DataField => leaves[field.Path.ToString()],
        _ => throw new InvalidDataException($"the field {field.Path} is of a kind that is not known"),
    };
}

/// <summary>A group of fields; null where its level says so.</summary>
internal sealed class ParquetStruct(string name, int level, ParquetNode[] fields) : ParquetNode(name)
{
    public override ParquetLeaf First => fields[0].First;

    public override void Write(Utf8JsonWriter writer)
    {
        if (First.Definition < level)
        {
            writer.WriteNullValue();
            Skip();
            return;
        }
        writer.WriteStartObject();
        foreach (var field in fields) field.WriteProperty(writer);
        writer.WriteEndObject();
    }

    public override void Skip()
    {
        foreach (var field in fields) field.Skip();
    }
}

/// <summary>A list: an element for each entry whose repetition level is the list's.</summary>
internal class ParquetList(string name, int level, int repetition, ParquetNode item) : ParquetNode(name)
{
    protected ParquetNode Item => item;
    public override ParquetLeaf First => item.First;

    public override void Write(Utf8JsonWriter writer)
    {
        if (First.Definition < level)
        {
            if (First.Definition < level - 1) writer.WriteNullValue();
            else WriteAll(writer, empty: true);
            Skip();
        }
        else WriteAll(writer, empty: false);
    }

    public override void Skip() => item.Skip();

    protected virtual void WriteAll(Utf8JsonWriter writer, bool empty)
    {
        writer.WriteStartArray();
        if (!empty)
            do { item.Write(writer); } while (First.Repetition >= repetition);
        writer.WriteEndArray();
    }
}

/// <summary>A map, as an object.</summary>
internal sealed class ParquetMap(string name, int level, int repetition, ParquetNode key, ParquetNode value) : ParquetList(name, level, repetition, key)
{
    private readonly int _repetition = repetition;

    public override void Skip()
    {
        base.Skip();
        value.Skip();
    }

    protected override void WriteAll(Utf8JsonWriter writer, bool empty)
    {
        writer.WriteStartObject();
        if (!empty)
            do
            {
                writer.WritePropertyName(((ParquetLeaf)Item).TakeText());
                value.Write(writer);
            }
            while (First.Repetition >= _repetition);
        writer.WriteEndObject();
    }
}
