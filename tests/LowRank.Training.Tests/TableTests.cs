using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using LowRank.Tensors;
using LowRank.TestKit;
using ParquetSharp;
using TimeUnit = Apache.Arrow.Types.TimeUnit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>Columns of parquet and Arrow files as rows: the same of both.</summary>
public class TableTests
{
    [Fact]
    public void Values_of_all_kinds_come_out_alike_from_both_formats()
    {
        var day = new DateTime(2024, 2, 29, 0, 0, 0, DateTimeKind.Utc);
        var time = new DateTimeOffset(2024, 2, 29, 13, 14, 15, 250, TimeSpan.Zero);
        (string Name, IArrowArray Values, string? Json)[] columns =
        [
            ("float", new FloatArray.Builder().Append(1f).Append(0.1f).Build(), "1.0"), ("double",
                new DoubleArray.Builder().Append(1e22).Append(-0.0).Build(), "1E+22"),
            ("half", new HalfFloatArray.Builder().Append((Half)2).Append((Half)0.5).Build(), "2.0"), ("nan",
                new DoubleArray.Builder().Append(double.NaN).Append(1).Build(), null),
            ("long", new Int64Array.Builder().Append(7).Append(8).Build(), "7"), ("unsigned",
                new UInt64Array.Builder().Append(ulong.MaxValue).Append(1).Build(), "18446744073709551615"),
            ("bool", new BooleanArray.Builder().Append(true).Append(false).Build(), "true"), ("null",
                new Int32Array.Builder().AppendNull().Append(1).Build(), null),
            ("decimal", new Decimal128Array.Builder(new Decimal128Type(20, 2)).Append(12.5m).Append(1m).Build(), "12.50"),
            ("day", new Date32Array.Builder().Append(day).Append(day).Build(), "\"2024-02-29\""),
            ("stamp", new TimestampArray.Builder(new TimestampType(TimeUnit.Microsecond, (string?)null)).Append(time).Append(time).Build(),
                "\"2024-02-29T13:14:15.25\""),
            ("zone", new TimestampArray.Builder(new TimestampType(TimeUnit.Microsecond, "UTC")).Append(time).Append(time).Build(),
                "\"2024-02-29T13:14:15.25\\u002B00:00\""),
            ("bytes", new BinaryArray.Builder().Append("ab"u8).Append("c"u8).Build(), "\"ab\""), ("picture",
                new BinaryArray.Builder().Append([0xFF, 0xD8]).Append("c"u8).Build(), null),
        ];
        foreach (string path in Written(new(new Schema([.. columns.Select(c => new Field(c.Name, c.Values.Data.DataType, true))], null),
            columns.Select(c => c.Values), 2)))
        {
            var rows = Raw(path);
            Assert.Equal(2, rows.Count);
            foreach (var (name, _, json) in columns) Assert.Equal($"{name} {json}", $"{name} {rows[0].Json[name]?.ToJsonString()}");
            Assert.Equal(("0.10000000149011612", "-0.0"), (rows[1].Json["float"]!.ToJsonString(), rows[1].Json["double"]!.ToJsonString()));
            Assert.False(rows[0].Json.AsObject().ContainsKey("null"));
            var file = new DataFile(path);
            foreach (var _ in file.Rows()) { }
            Assert.Equal("bytes that are no text", Assert.Single(file.LeftOut).Value);
        }
    }

    [Fact]
    public void A_null_field_of_a_struct_is_one_that_the_row_never_had()
    {
        // [{"args": {"x": 1}}, {"args": {"city": "a", "in": {}}}] as one schema has them
        var inner = new StructType([new Field("deep", StringType.Default, true)]);
        var args = new StructType([new Field("x", Int64Type.Default, true), new Field("city", StringType.Default, true), new Field("in",
            inner, true)]);
        var call = new StructArray(inner, 2, [new StringArray.Builder().AppendNull().AppendNull().Build()],
            new ArrowBuffer.BitmapBuilder().Append(false).Append(true).Build(), 1);
        IArrowArray values = new StructArray(args, 2, [new Int64Array.Builder().Append(1).AppendNull().Build(),
            new StringArray.Builder().AppendNull().Append("a").Build(), call], ArrowBuffer.Empty, 0);
        var list = new ListArray(new ListType(new Field("item", args, true)), 2,
            new ArrowBuffer.Builder<int>().Append(0).Append(1).Append(2).Build(), values, ArrowBuffer.Empty, 0);
        foreach (string path in Written(new(new Schema([new Field("calls", list.Data.DataType, true)], null), [list], 2)))
            Assert.Equal("""[{"x":1}] [{"city":"a","in":{}}]""", string.Join(' ', Raw(path).Select(r => r.Json["calls"]!.ToJsonString())));
    }

    [Fact]
    public void Pages_of_the_second_version_and_all_compressions_are_read()
    {
        var texts = new StringArray.Builder().AppendRange(Enumerable.Range(0, 1000).Select(i => $"row {i}")).Build();
        var list = new ListArray(new ListType(new Field("item", StringType.Default, true)), 1000,
            new ArrowBuffer.Builder<int>().AppendRange(Enumerable.Range(0, 1001)).Build(), texts, ArrowBuffer.Empty, 0);
        RecordBatch batch = new(new Schema([new Field("list", list.Data.DataType, true), new Field("flag", BooleanType.Default, true)],
            null),
            [list, new BooleanArray.Builder().AppendRange(Enumerable.Range(0, 1000).Select(i => i % 3 == 0)).Build()], 1000);
        foreach (var compression in (Compression[])[Compression.Uncompressed, Compression.Snappy, Compression.Gzip, Compression.Brotli,
            Compression.Zstd, Compression.Lz4])
        {
            string path = Parquet(batch, properties => properties.DataPageVersion(ParquetDataPageVersion.V2).DataPagesize(500)
                .Compression(compression));
            var rows = Raw(path);
            Assert.Equal((1000, "x.parquet:row 777", "[\"row 776\"]", false, true), (rows.Count, rows[776].Place,
                rows[776].Json["list"]!.ToJsonString(), (bool)rows[776].Json["flag"]!, (bool)rows[777].Json["flag"]!));
        }
    }

    [Fact]
    public void Columns_without_a_name_or_twice_by_one_name()
    {
        var a = new StringArray.Builder().Append("a").Build();
        RecordBatch Named(params string[] names) => new(new Schema([.. names.Select(n => new Field(n, StringType.Default, true))], null),
            names.Select(_ => (IArrowArray)a), 1);
        foreach (string path in Written(Named("text", "", "__index_level_0__"))) Assert.Equal("""{"text":"a"}""",
            Raw(path)[0].Json.ToJsonString());
        Assert.Contains("holds what is not read (got a column without a name)", Refused(Paths.Golden("data/nameless.arrow")).Message);
        Assert.Equal("text", Refused(Parquet(Named("text", "text"))).Value);
    }

    [Fact]
    public void A_column_that_cannot_be_read_is_left_out_where_it_is_not_needed()
    {
        // Lists of a fixed size with a null among them, which the Arrow library writes but does not read.
        var size = new FixedSizeListType(new Field("item", Int32Type.Default, true), 2);
        var lists = new FixedSizeListArray(size, 2, new Int32Array.Builder().AppendRange([1, 2, 3, 4]).Build(),
            new ArrowBuffer.BitmapBuilder().Append(true).Append(false).Build(), 1);
        var texts = new StringArray.Builder().Append("one").Append("two").Build();
        string path = Parquet(new(new Schema([new Field("input_ids", size, true), new Field("text", StringType.Default, true)], null),
            [lists, texts], 2));
        Assert.Equal(["one", "two"], Raw(path).Select(r => (string?)r.Json["text"]));
        RowTally tally = new();
        Assert.Equal(2, RowReader.Read(new DataOptions(path), 1 << 16, Letters, tally).Count());
        Assert.StartsWith($"{path}: values of the column input_ids are left out: Expected all lists to be of size=2", Assert.Single(tally.LeftOut));
        var error = Assert.Throws<BadInputException>(() => RowReader.Read(new DataOptions(path) { Format = "input_ids" }, 1 << 16,
            Letters).Count());
        Assert.Contains("input_ids (Expected all lists", error.Message);
    }

    [Fact]
    public void Numbers_that_JSON_has_not_are_told_within_lists_too()
    {
        var list = new ListArray(new ListType(new Field("item", DoubleType.Default, true)), 1,
            new ArrowBuffer.Builder<int>().Append(0).Append(3).Build(),
            new DoubleArray.Builder().Append(1).Append(double.PositiveInfinity).Append(double.NaN).Build(), ArrowBuffer.Empty, 0);
        foreach (string path in Written(new(new Schema([new Field("numbers", list.Data.DataType, true)], null), [list], 1)))
        {
            DataFile file = new(path);
            Assert.Equal("""{"numbers":[1.0,null,null]}""", System.Text.Encoding.UTF8.GetString(file.Rows().Single().Json.Span));
            Assert.Equal("[numbers, an infinite number]", Assert.Single(file.LeftOut).ToString());
        }
    }

    private static IEnumerable<string> Written(RecordBatch batch)
    {
        string arrow = Path.Combine(Paths.Temporary(), "x.arrow");
        using (var stream = File.Create(arrow))
        using (var writer = new ArrowFileWriter(stream, batch.Schema))
        {
            writer.WriteRecordBatch(batch);
            writer.WriteEnd();
        }
        return [arrow, Parquet(batch)];
    }

    private static string Parquet(RecordBatch batch, Action<WriterPropertiesBuilder>? set = null)
    {
        string path = Path.Combine(Paths.Temporary(), "x.parquet");
        using var builder = new WriterPropertiesBuilder();
        set?.Invoke(builder);
        using var properties = builder.Build();
        using var arrow = new ParquetSharp.Arrow.ArrowWriterPropertiesBuilder().StoreSchema().Build();
        using (var writer = new ParquetSharp.Arrow.FileWriter(path, batch.Schema, properties, arrow))
        {
            writer.WriteRecordBatch(batch);
            writer.Close();
        }
        return path;
    }
}
