using System.Text;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

public class SourceTests
{
    // A null field of a struct is one that the row never had.
    private static readonly JsonNode Nested = WithoutNulls(JsonNode.Parse(File.ReadAllText(Paths.Golden("data/nested.json")))!)!;

    [Theory]
    [InlineData("nested.snappy.parquet")]
    [InlineData("nested.zstd.parquet")]
    [InlineData("nested.arrow")]
    [InlineData("nested.stream.arrow")]
    public void Nested_columns_of_other_writers_come_out_as_objects(string name)
    {
        var rows = Raw(Paths.Golden("data/" + name));
        Assert.Equal(Enumerable.Range(1, 4).Select(i => $"{name}:row {i}"), rows.Select(r => r.Place));
        // apache-arrow writes a null struct with present children as such; the data are the same
        for (int i = 0; i < 4; i++) Assert.True(JsonNode.DeepEquals(Nested[i], rows[i].Json), $"{Nested[i]!.ToJsonString()}\n{rows[i].Json.ToJsonString()}");
    }

    [Fact]
    public void Arrow_files_compressed_inside_are_read()
    {
        foreach (var codec in (CompressionCodecType[])[CompressionCodecType.Lz4Frame, CompressionCodecType.Zstd])
        {
            string path = Path.Combine(Paths.Temporary(), "x.feather");
            var batch = new RecordBatch.Builder().Append("text", false, new StringArray.Builder().AppendRange(Enumerable.Range(0, 500).Select(i => $"line {i % 7}")).Build()).Build();
            using (var stream = File.Create(path))
            using (var writer = new ArrowFileWriter(stream, batch.Schema, false, new IpcOptions { CompressionCodec = codec, CompressionCodecFactory = new Apache.Arrow.Compression.CompressionCodecFactory() }))
            {
                writer.WriteRecordBatch(batch);
                writer.WriteEnd();
            }
            Assert.Equal("line 3", (string?)Raw(path)[493].Json["text"]);
        }
    }

    [Fact]
    public void Lists_are_read_within_an_object_and_lines_under_a_false_name()
    {
        string list = Write("x.json", "\uFEFF{\"version\": {\"a\": [1, 2]}, \"tags\": [\"}\"],\n \"data\": [ {\"a\": \"]\\\"\"},\n {\"a\": []} ], \"more\": null}\n");
        Assert.Equal(["x.json:2", "x.json:3"], Raw(list).Select(r => r.Place));
        Assert.Equal("]\"", (string?)Raw(list)[0].Json["a"]);
        string lines = Write("x.json", "{\"messages\": [{\"a\": 1}]}\n{\"messages\": []}\n");
        Assert.Equal(["x.json:1", "x.json:2"], Raw(lines).Select(r => r.Place));
        Assert.Contains("list", Refused(Write("x.json", "{\"data\": []}")).Message);
        Assert.Empty(Raw(Write("x.json", "[]")));
        var keyless = Assert.Single(MadeOf(Write("x.json", "{}")));
        Assert.Equal("a row has no format that is known", keyless.Error!.Problem);
        Assert.Equal(3, Raw(Write("x.json", "[1,\"a,]\",{}]")).Count);
    }

    [Theory]
    [InlineData("[{}", "ends within the list", 1)]
    [InlineData("[{\n\"a", "ends within a value", 1)]
    [InlineData("[{} {}]", "comma", 1)]
    [InlineData("[{},]", "value is missing", 1)]
    [InlineData("[{}]\n x", "follows", 2)]
    [InlineData("{\"a\": [{}], \"b\": [{}]}", "two lists", 0)]
    [InlineData("{\"a\" [{}]}", "colon", 1)]
    [InlineData("{a: [{}]}", "quotation", 1)]
    [InlineData("3", "list", 0)]
    [InlineData("", "list", 0)]
    public void Broken_lists_are_refused(string text, string says, int line)
    {
        var error = Refused(Write("x.json", text));
        Assert.Contains(says, error.Message);
        Assert.EndsWith(line == 0 ? "x.json" : $"x.json:{line}", error.Place);
    }

    [Fact]
    public void Fields_hold_separators_lines_and_quotation_marks_where_quoted()
    {
        var rows = Raw(Write("x.csv", "\uFEFFprompt,completion\r\n\"a,\nb\",\"say \"\"hi\"\"\"\r\n\r\n  c ,\n\"\",d"));
        Assert.Equal(["x.csv:2", "x.csv:5", "x.csv:6"], rows.Select(r => r.Place));
        Assert.Equal("""{"prompt":"a,\nb","completion":"say \u0022hi\u0022"}""", rows[0].Json.ToJsonString());
        Assert.Equal("""{"prompt":"  c "}""", rows[1].Json.ToJsonString());
        Assert.Equal("""{"prompt":"","completion":"d"}""", rows[2].Json.ToJsonString());
        Assert.Equal("a, b", (string?)Raw(Write("x.tsv", "text\tn\na, b\t1\n"))[0].Json["text"]);
        Assert.Empty(Raw(Write("x.csv", "")));
    }

    [Theory]
    [InlineData("a,b\n1\n", "number of fields", 2)]
    [InlineData("a,b\n1,2,3\n", "number of fields", 2)]
    [InlineData("a,b\n\"1,2\n3,4\n", "closing quotation mark", 2)]
    [InlineData("a,b\n1,x\"y\n", "within a field", 2)]
    [InlineData("a,b\n1,2\n\"1\"x,2\n", "follows", 3)]
    [InlineData("a,a\n1,2\n", "name the columns", 1)]
    [InlineData("\n1,2\n", "name the columns", 1)]
    public void Malformed_fields_are_refused_with_their_line(string text, string says, int line)
    {
        var error = Refused(Write("x.csv", text));
        Assert.Contains(says, error.Message);
        Assert.EndsWith($"x.csv:{line}", error.Place);
    }

    [Fact]
    public void Lines_of_plain_text_are_documents()
    {
        var rows = Raw(Write("x.txt", "one \"1\"\r\n\n \n  two\n"));
        Assert.Equal([("x.txt:1", "one \"1\""), ("x.txt:4", "  two")], rows.Select(r => (r.Place, (string)r.Json["text"]!)));
    }

    [Fact]
    public void Compressed_files_are_read_and_cut_ones_refused()
    {
        byte[] lines = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 50_000).Select(i => $"{{\"text\": \"{i * 7919 % 10007}\"}}\n")));
        foreach (var (ending, packed) in ((string, byte[])[])[(".gz", Gzip(lines)), (".zst", Zstd(lines))])
        {
            string path = Write("x.jsonl" + ending, packed);
            Assert.Equal(50_000, Raw(path).Count);
            Assert.Equal($"x.jsonl{ending}:50000", Raw(path)[^1].Place);
            Assert.Contains("cut short or damaged", Refused(Write("x.jsonl" + ending, packed[..(packed.Length / 2)])).Message);
            Assert.Contains("cut short or damaged", Refused(Write("x.jsonl" + ending, lines)).Message);
        }
        Assert.Equal(100_000, Raw(Write("x.jsonl.gz", [.. Gzip(lines), .. Gzip(lines)])).Count); // several members are one file
        Assert.Contains("compressed .parquet", Refused(Write("x.parquet.gz", "")).Message);
    }

    [Fact]
    public void Headers_that_claim_more_than_there_is_are_refused()
    {
        // Readers have read on behind the end of both footers, without an end: damaged in a list, and a number where it takes a list for
        // granted.
        foreach (string name in (string[])["endless-footer", "endless-list"]) Assert.Contains("cannot be read",
            Refused(Paths.Golden($"data/{name}.parquet")).Message);
        // Here the package would make room for 1.7 billion of a field.
        Assert.Contains("a header claims more than it holds", Refused(Paths.Golden("data/endless-fields.arrow")).Message);
        byte[] page = File.ReadAllBytes(Paths.Golden("data/nested.snappy.parquet"));
        Assert.Equal(0x2E, page[9]);
        page[9] = 1; // the first page's size as it is stored: -1
        Assert.Contains("cannot be read", Refused(Write("x.parquet", page)).Message);
    }

    [Fact]
    public void Folders_are_read_in_the_order_of_names()
    {
        string folder = Paths.Temporary();
        foreach (string name in (string[])["b.jsonl", "B.jsonl", "a/z.jsonl", ".hidden.jsonl", "README.md", "dataset_info.json"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.WriteAllText(Path.Combine(folder, name), $"{{\"text\": \"{name}\"}}\n");
        }
        Assert.Equal(["B.jsonl", "a/z.jsonl", "b.jsonl"], RowReader.Read(folder, 1 << 16, Letters).Select(r => Path.GetRelativePath(folder, r.Place![..^2]).Replace('\\', '/')));
        Assert.Contains("no data files", Refused(Paths.Temporary()).Message);
    }

    [Fact]
    public void Endless_lines_other_encodings_and_garbage_are_refused()
    {
        byte[] endless = Gzip(new byte[FileKind.LongestRow + 10]);
        foreach (string name in (string[])["x.jsonl.gz", "x.txt.gz", "x.csv.gz"]) Assert.Contains("too long", Refused(Write(name, endless)).Message);
        Assert.Contains("too long", Refused(Write("x.json.gz", Gzip([(byte)'[', (byte)'"', .. new byte[FileKind.LongestRow + 10]]))).Message);
        foreach (string name in (string[])["x.jsonl", "x.txt", "x.csv"])
        {
            var error = Refused(Write(name, [.. "1\n"u8, 0xE9, (byte)'\n']));
            Assert.Contains("UTF-8", error.Message);
            Assert.EndsWith($"{name}:2", error.Place);
        }
        foreach (string name in (string[])["x.parquet", "x.arrow"])
            foreach (byte[] bytes in (byte[][])[[], [.. "PAR1"u8], [.. "ARROW1\0\0"u8], Encoding.UTF8.GetBytes("{\"text\": \"a\"}\n"), new byte[1000]])
                if (name != "x.arrow" || bytes.Length is not (0 or 1000)) Assert.Contains("cannot be read", Refused(Write(name, bytes)).Message);
        Assert.Contains("version 1", Refused(Write("x.feather", "FEA1....")).Message);
    }

    private static JsonNode? WithoutNulls(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.Where(p => p.Value is not null).Select(p => KeyValuePair.Create(p.Key, WithoutNulls(p.Value)))),
        JsonArray list => new JsonArray([.. list.Select(WithoutNulls)]),
        _ => node?.DeepClone(),
    };
}
