using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>JSON in all the ways in which people lay it out, and text that is none.</summary>
public class JsonLayoutTests
{
    private const string A = """{"prompt": "a", "completion": "b"}""", C = """{"prompt": "c", "completion": "d"}""";
    private const string PrettyA = "{\n  \"prompt\": \"a\",\n  \"completion\": \"b\"\n}",
        PrettyC = "{\n  \"prompt\": \"c\",\n  \"completion\": \"d\"\n}";

    [Theory]
    [InlineData("x.jsonl", A + "\r" + C + "\r", "1 2")] // lines that end in CR alone
    [InlineData("x.jsonl", "\uFEFF" + A + "\r\n\uFEFF" + C, "1 2")] // files with a mark each, joined
    [InlineData("x.jsonl", PrettyA + "\n" + PrettyC + "\n", "1 5")]
    [InlineData("x.json", PrettyA + "\n" + PrettyC + "\n", "1 5")]
    [InlineData("x.json", PrettyA + PrettyC, "1 4")]
    [InlineData("x.jsonl", "[" + A + ",\n" + C + "]", "1 2")]
    [InlineData("x.jsonlines", A + "\n\n" + C, "1 3")]
    [InlineData("x.json", "[\r" + A + ",\r\r" + C + "\r]", "2 4")]
    public void Two_rows_are_read_with_their_lines(string name, string content, string lines)
    {
        var rows = Raw(Write(name, content));
        Assert.Equal(lines.Split(' ').Select(l => $"{name}:{l}"), rows.Select(r => r.Place));
        Assert.Equal(["a", "c"], rows.Select(r => (string?)r.Json["prompt"]));
    }

    [Theory]
    [InlineData("x.json", A, "prompt,completion")]
    [InlineData("x.json", PrettyA, "prompt,completion")]
    [InlineData("x.jsonl", PrettyA, "prompt,completion")]
    [InlineData("x.json", """{"messages": [{"role": "user", "content": "q"}], "id": 3}""", "messages,id")]
    [InlineData("x.json", """[{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]""", "messages")]
    [InlineData("x.json", """[{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}]""", "conversations")]
    [InlineData("x.json", """{"dialogue": [{"role": "user", "content": "q"}]}""", "dialogue")]
    [InlineData("x.json", """{"prompt": "q", "completion": "r", "tags": [{"a": 1}]}""", "prompt,completion,tags")]
    public void One_row_is_read_as_one(string name, string content, string keys)
        => Assert.Equal(keys, string.Join(',', Assert.Single(Raw(Write(name, content))).Json.AsObject().Select(p => p.Key)));

    [Theory]
    [InlineData("""{"prompt": "a", "score": NaN}""", "NaN is no value", "column 26: NaN}")]
    [InlineData("""{"prompt": "a", "score": -Infinity}""", "Infinity is no value", "column 27: Infinity}")]
    [InlineData("""{"prompt": nan}""", "nan is no value", "column 12: nan}")]
    [InlineData("""{"prompt": True}""", "True is no value", "column 12")]
    [InlineData("""{"a": None}""", "None is no value", "column 7")]
    [InlineData(A + C, "two values on one line", "column 35: {\"prompt\": \"c\", ")]
    [InlineData(A + ",", "a comma behind the object", "column 35")]
    [InlineData("{'prompt': 'a'}", "single quotation marks", "column 2: 'prompt': 'a'}")]
    [InlineData("""{"prompt": "a", "completion": "b",}""", "a comma before the closing bracket", "column 35")]
    [InlineData("""{"prompt": "a" "b": 1}""", "a comma or a colon is missing", "column 16")]
    [InlineData("""{prompt: "a"}""", "a name without quotation marks", "column 2: prompt")]
    [InlineData("""{"prompt": "a"} // old""", "something follows the object", "column 17")]
    [InlineData("{\"prompt\": \"a\tb\"}", "a control character within a text", "column 14")]
    [InlineData("""{"prompt": "\x"}""", "an escape that JSON does not have", "column 14")]
    [InlineData("{\"prompt\": \"a", "it ends within a value", "column 14")]
    [InlineData("\0\0\0", "NUL bytes", "column 1")]
    [InlineData("nonsense", "something that stands for no value", "column 1: nonsense")]
    public void What_is_no_json_is_named(string line, string says, string where)
    {
        string path = Write("x.jsonl", A + "\n" + line + "\n");
        var error = MadeOf(path)[^1].Error!;
        Assert.Equal((path + ":2", "not JSON: "), (error.Place, error.Problem[..10]));
        Assert.Contains(says, error.Problem);
        Assert.StartsWith(where, error.Value);
    }

    [Fact]
    public void Depth_and_lines_of_a_list_are_named()
    {
        string path = Write("x.json", "[" + A + ",\n{\"a\":\n NaN}]");
        var error = MadeOf(path)[^1].Error!;
        Assert.Equal((path + ":2", "line 2 of it, column 2: NaN}"), (error.Place, error.Value));
        path = Write("x.jsonl", string.Concat(Enumerable.Repeat("{\"a\":", 70)) + "1" + new string('}', 70));
        Assert.Contains("nested more than 64 deep", MadeOf(path)[^1].Error!.Problem);
    }

    [Theory]
    [InlineData("x.jsonl", new byte[] { 0xFF, 0xFE, (byte)'{', 0 }, "UTF-16")]
    [InlineData("x.csv", new byte[] { 0xFE, 0xFF, 0, (byte)'a' }, "UTF-16")]
    [InlineData("x.jsonl", new byte[] { (byte)'P', (byte)'A', (byte)'R', (byte)'1', 1 }, "a parquet file, not .jsonl")]
    [InlineData("x.csv", new byte[] { (byte)'P', (byte)'K', 3, 4 }, "zip")]
    [InlineData("x.jsonl", new byte[] { 0x1F, 0x8B, 8 }, "gzip")]
    [InlineData("x.txt", new byte[] { (byte)'a', 0, (byte)'b' }, "NUL bytes")]
    [InlineData("x.csv", new byte[] { (byte)'a', 0, (byte)'\n', 0 }, "NUL bytes")]
    [InlineData("x.txt", new byte[] { (byte)'c', 0xE9, (byte)'\n' }, "0xE9 at column 2")]
    public void Files_of_another_kind_or_encoding_are_named(string name, byte[] content, string says) => Assert.Contains(says,
        Refused(Write(name, content)).Message);

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a git-lfs pointer")]
    [InlineData("<!DOCTYPE html><html></html>", "a web page")]
    public void What_stands_in_place_of_a_file_is_named(string content, string says)
    {
        foreach (string name in (string[])["x.jsonl", "x.json", "x.csv", "x.txt", "x.parquet", "x.arrow"]) Assert.Contains(says,
            Refused(Write(name, content)).Message);
    }

    [Theory]
    [InlineData("<p>Write a page</p>\n<html></html>\n", "<p>Write a page</p>")]
    [InlineData("version https://example.org\n", "version https://example.org")]
    public void Rows_that_speak_of_a_page_are_rows(string content, string first)
        => Assert.Equal(first, (string)Raw(Write("x.txt", content))[0].Json["text"]!);

    [Fact]
    public void Lines_of_text_end_as_files_of_all_systems_have_them()
    {
        var rows = Raw(Write("x.txt", "\uFEFFone\rtwo\r\n\uFEFFthree\n\nfour\u2028five"));
        Assert.Equal([("x.txt:1", "one"), ("x.txt:2", "two"), ("x.txt:3", "three"), ("x.txt:5", "four\u2028five")], rows.Select(r
            => (r.Place, (string)r.Json["text"]!)));
        string long1 = new('x', (1 << 16) - 2); // CR and LF on both sides of what is read at once
        Assert.Equal(["x.txt:1", "x.txt:2"], Raw(Write("x.txt", long1 + "a\r\nb")).Select(r => r.Place));
        Assert.Equal(["x.json:2", "x.json:4"], Raw(Write("x.json", "[\r\n\"" + long1 + "\",\r\n\r\n{}]")).Select(r => r.Place));
    }

    [Fact]
    public void Pipes_sockets_and_devices_are_refused_and_not_waited_for()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows has no mkfifo and no /dev/zero");
        Assert.Contains("a device where a data file was expected", Assert.Throws<Tensors.BadInputException>(()
            => new DataFile(Linked("/dev/zero")).OpenStored()).Message);
        string pipe = Path.Combine(Paths.Temporary(), "x.jsonl");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe])) made.WaitForExit();
        Assert.Contains("a pipe where a data file was expected", Refused(pipe).Message);
        Assert.Contains("a pipe", Refused(Path.GetDirectoryName(pipe)!).Message);
        string socket = Path.Combine(Paths.Temporary(), "s.jsonl");
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(socket));
        Assert.Contains("a socket", Refused(socket).Message);
    }

    private static string Linked(string target)
    {
        string path = Path.Combine(Paths.Temporary(), "x.jsonl");
        File.CreateSymbolicLink(path, target);
        return path;
    }
}
