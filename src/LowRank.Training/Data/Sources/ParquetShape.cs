namespace LowRank.Training;

/// <summary>Which types the fields of parquet's header structures have, by parquet.thrift of the format's project. The package goes by a field's number alone: one of another type would lead it astray.</summary>
/// <param name="Fields">By their numbers: the type, and of structures and lists of structures the shape.</param>
internal sealed record ParquetShape(IReadOnlyDictionary<int, (ThriftType Type, ThriftType Of, ParquetShape? Shape)> Fields)
{
    private static readonly (ThriftType, ThriftType, ParquetShape?) Bool = (ThriftType.Bool, 0, null), Number = (ThriftType.Number, 0, null), Byte = (ThriftType.Byte, 0, null),
        Double = (ThriftType.Double, 0, null), Text = (ThriftType.Binary, 0, null), Empty = Struct(Of());

    private static readonly ParquetShape KeyValue = Of((1, Text), (2, Text)), Statistics = Of((1, Text), (2, Text), (3, Number), (4, Number), (5, Text), (6, Text), (7, Bool), (8, Bool)),
        Time = Of((1, Bool), (2, Struct(Of((1, Empty), (2, Empty), (3, Empty)))));

    private static readonly ParquetShape LogicalType = Of((1, Empty), (2, Empty), (3, Empty), (4, Empty), (5, Struct(Of((1, Number), (2, Number)))), (6, Empty), (7, Struct(Time)), (8, Struct(Time)),
        (10, Struct(Of((1, Byte), (2, Bool)))), (11, Empty), (12, Empty), (13, Empty), (14, Empty), (15, Empty), (16, Struct(Of((1, Byte)))), (17, Struct(Of((1, Text)))), (18, Struct(Of((1, Text), (2, Number)))));

    private static readonly ParquetShape SchemaElement = Of((1, Number), (2, Number), (3, Number), (4, Text), (5, Number), (6, Number), (7, Number), (8, Number), (9, Number), (10, Struct(LogicalType)));

    private static readonly ParquetShape Box = Of([.. Enumerable.Range(1, 8).Select(i => (i, Double))]);

    private static readonly ParquetShape ColumnMetaData = Of((1, Number), (2, List(ThriftType.Number)), (3, List(ThriftType.Binary)), (4, Number), (5, Number), (6, Number), (7, Number), (8, List(KeyValue)),
        (9, Number), (10, Number), (11, Number), (12, Struct(Statistics)), (13, List(Of((1, Number), (2, Number), (3, Number)))), (14, Number), (15, Number),
        (16, Struct(Of((1, Number), (2, List(ThriftType.Number)), (3, List(ThriftType.Number))))), (17, Struct(Of((1, Struct(Box)), (2, List(ThriftType.Number))))));

    private static readonly ParquetShape ColumnChunk = Of((1, Text), (2, Number), (3, Struct(ColumnMetaData)), (4, Number), (5, Number), (6, Number), (7, Number),
        (8, Struct(Of((1, Empty), (2, Struct(Of((1, List(ThriftType.Binary)), (2, Text))))))), (9, Text));

    private static readonly ParquetShape RowGroup = Of((1, List(ColumnChunk)), (2, Number), (3, Number), (4, List(Of((1, Number), (2, Bool), (3, Bool)))), (5, Number), (6, Number), (7, Number));

    private static readonly ParquetShape Encryption = Of((1, Text), (2, Text), (3, Bool));

    /// <summary>The footer.</summary>
    public static readonly ParquetShape Footer = Of((1, Number), (2, List(SchemaElement)), (3, Number), (4, List(RowGroup)), (5, List(KeyValue)), (6, Text), (7, List(Of((1, Empty)))),
        (8, Struct(Of((1, Struct(Encryption)), (2, Struct(Encryption))))), (9, Text));

    /// <summary>What stands before a page.</summary>
    public static readonly ParquetShape PageHeader = Of((1, Number), (2, Number), (3, Number), (4, Number), (5, Struct(Of((1, Number), (2, Number), (3, Number), (4, Number), (5, Struct(Statistics))))), (6, Empty),
        (7, Struct(Of((1, Number), (2, Number), (3, Bool)))), (8, Struct(Of((1, Number), (2, Number), (3, Number), (4, Number), (5, Number), (6, Number), (7, Bool), (8, Struct(Statistics))))));

    private static ParquetShape Of(params (int Id, (ThriftType, ThriftType, ParquetShape?) Kind)[] fields) => new(fields.ToDictionary(f => f.Id, f => f.Kind));

    private static (ThriftType, ThriftType, ParquetShape?) Struct(ParquetShape shape) => (ThriftType.Structure, 0, shape);

    private static (ThriftType, ThriftType, ParquetShape?) List(ThriftType of) => (ThriftType.List, of, null);

    private static (ThriftType, ThriftType, ParquetShape?) List(ParquetShape shape) => (ThriftType.List, ThriftType.Structure, shape);
}
