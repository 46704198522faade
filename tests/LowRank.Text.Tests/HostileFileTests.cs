using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>Malformed files end in one clear message, never in another exception.</summary>
public sealed class HostileFileTests
{
    private const string Tiny = """
        {"added_tokens":[{"id":4,"content":"<e>","special":true}],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
         "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"a":0,"b":1,"c":2,"ab":3},"merges":["a b"]}}
        """;

    [Fact]
    public void The_file_that_the_others_are_broken_from_is_whole()
    {
        var tokenizer = Tokenizer.FromFile(Write(Tiny));
        Assert.Equal([3, 2, 4], tokenizer.Encode("abc<e>"));
        Assert.Equal("abc", tokenizer.Decode([3, 2, 4], skipSpecialTokens: true));
    }

    [Theory]
    [InlineData("[", "{", "not JSON")]
    [InlineData("\"a\":0", "\"a\":-1", "whole number")]
    [InlineData("\"a\":0", "\"a\":\"0\"", "whole number")]
    [InlineData("\"a\":0", "\"a\":1", "one id to two tokens")]
    [InlineData("\"a\":0", "\"a\":0,\"a\":5", "twice")]
    [InlineData("\"c\":2", "\"c\":2000000000", "far beyond")]
    [InlineData("\"id\":4", "\"id\":2147483647", "far beyond")]
    [InlineData("\"a b\"", "\"a x\"", "not in the vocabulary")]
    [InlineData("\"a b\"", "\"b c\"", "not in the vocabulary")]
    [InlineData("\"a b\"", "\"a b c\"", "two tokens")]
    [InlineData("\"a b\"", "[\"a\"]", "two tokens")]
    [InlineData("\"a b\"", "7", "a string")]
    [InlineData("[\"a b\"]", "{}", "a list")]
    [InlineData("\"<e>\"", "\"\\ud800\"", "Unicode")]
    [InlineData("\"special\"", "\"\\ud800\":1,\"special\"", "Unicode")]
    [InlineData("\"special\":true", "\"special\":1", "true or false")]
    [InlineData("\"BPE\"", "\"Unigram\"", "a list")]
    [InlineData("\"BPE\"", "\"Ngram\"", "'Ngram' is not supported yet")]
    [InlineData("\"type\":\"ByteLevel\",", "\"type\":\"Metaspace\",", "'replacement' is missing")]
    [InlineData("\"type\":\"ByteLevel\",", "\"type\":\"Metaspace\",\"replacement\":\"ab\",", "one character")]
    [InlineData("\"type\":\"ByteLevel\",", "\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"first\",", "prepend_scheme is first")]
    [InlineData("\"type\":\"ByteLevel\",", "\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"(a\"},", "does not end")]
    [InlineData("\"type\":\"ByteLevel\",", "\"type\":\"Split\",\"behavior\":\"1\",\"pattern\":{\"String\":\"a\"},", "MergedWithNext")]
    [InlineData("\"type\":\"ByteLevel\",", "\"type\":\"FixedLength\",\"length\":0,", "a length from 1")]
    [InlineData("\"type\":\"ByteLevel\",", "\"type\":\"Words\",", "'Words' is not supported yet")]
    [InlineData("\"merges\"", "\"dropout\":0.1,\"merges\"", "dropout")]
    [InlineData("\"merges\"", "\"continuing_subword_prefix\":7,\"merges\"", "continuing_subword_prefix")]
    [InlineData("{\"added_tokens\"", "{\"truncation\":{\"max_length\":-3},\"added_tokens\"", "truncation")]
    [InlineData("{\"added_tokens\"", "{\"truncation\":{\"max_length\":3,\"strategy\":\"Longest\"},\"added_tokens\"", "LongestFirst")]
    [InlineData("{\"added_tokens\"", "{\"padding\":{\"strategy\":\"Fixed\"},\"added_tokens\"", "BatchLongest")]
    [InlineData("{\"added_tokens\"", "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],\"pair\":null,\"special_tokens\":{}},\"added_tokens\"", "sequence")]
    [InlineData("{\"added_tokens\"", "{\"normalizer\":{\"type\":\"Nonsense\"},\"added_tokens\"", "'Nonsense' is not supported yet")]
    public void Broken_json_is_refused(string part, string replacement, string said)
    {
        Assert.Contains(part, Tiny, StringComparison.Ordinal);
        int at = Tiny.IndexOf(part, StringComparison.Ordinal);
        string path = Write(string.Concat(Tiny.AsSpan(0, at), replacement, Tiny.AsSpan(at + part.Length)));
        var error = Assert.Throws<BadInputException>(() => Tokenizer.FromFile(path));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_value_of_a_wrong_type_is_refused_or_harmless()
    {
        var whole = JsonNode.Parse(File.ReadAllText(Path.Combine(Paths.Golden("tokenizers"), "post-sequence", "tokenizer.json")))!;
        whole["model"]!["vocab"] = JsonNode.Parse("""{"a":0,"b":1}""");
        whole["model"]!["merges"] = new JsonArray();
        var random = new Random(7);
        string[] values = ["null", "true", "-3", "1e99", "\"\"", "\"x\"", "[]", "[[]]", "{}", "{\"type\":\"Sequence\"}", "[null]"];
        string path = Write("");
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            var copy = whole.DeepClone();
            Mutate(copy, random, JsonNode.Parse(values[random.Next(values.Length)]));
            File.WriteAllText(path, copy.ToJsonString());
            try { Tokenizer.FromFile(path).EncodeWithOffsets("a b", "b"); }
            catch (BadInputException) { refused++; }
        }
        Assert.InRange(refused, 600, 2900); // the others changed nothing that is read
    }

    [Fact]
    public void A_folder_says_what_it_lacks()
    {
        string folder = Paths.Temporary();
        Assert.Contains("Token ids can be used", Assert.Throws<BadInputException>(() => Tokenizer.FromFolder(folder)).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "tokenizer.model"), "");
        Assert.Contains("no pieces", Assert.Throws<BadInputException>(() => Tokenizer.FromFolder(folder)).Message, StringComparison.Ordinal);
        File.Move(Path.Combine(folder, "tokenizer.model"), Path.Combine(folder, "vocab.json"));
        Assert.Contains("not supported yet", Assert.Throws<BadInputException>(() => Tokenizer.FromFolder(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_names_its_tokens_as_text_objects_and_lists()
    {
        string folder = Paths.Temporary();
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Tiny);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"eos_token":{"content":"<e>","special":true},"bos_token":"c","pad_token":null}""");
        File.WriteAllText(Path.Combine(folder, "special_tokens_map.json"), """{"pad_token":"b"}""");
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), """{"eos_token_id":[3,4,0]}""");
        var tokenizer = Tokenizer.FromFolder(folder);
        Assert.Equal([4, 3, 0], tokenizer.EosIds);
        Assert.Equal((2, 4, 1), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"eos_token":"<f>"}""");
        Assert.Contains("<f>", Assert.Throws<BadInputException>(() => Tokenizer.FromFolder(folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model", "rwkv")]
    [InlineData("pre", "whitespace")]
    [InlineData("tokens", 3)]
    [InlineData("token_type", "x")]
    [InlineData("merges", null)]
    [InlineData("bos_token_id", 99u)]
    [InlineData("eos_token_id", -1)]
    [InlineData("add_bos_token", 1)]
    public void Broken_gguf_metadata_is_refused(string key, object? value)
    {
        var metadata = GgufMetadata.Of(Write(Tiny), "qwen2");
        Assert.Equal([3, 2, 4], Tokenizer.FromGguf(metadata).Encode("abc<e>"));
        if (value is null) metadata.Remove("tokenizer.ggml." + key);
        else metadata["tokenizer.ggml." + key] = value;
        var error = Assert.Throws<BadInputException>(() => Tokenizer.FromGguf(metadata));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    private static void Mutate(JsonNode root, Random random, JsonNode? value)
    {
        for (var node = root; ; )
        {
            if (node is JsonObject o && o.Count > 0)
            {
                string key = o.ElementAt(random.Next(o.Count)).Key;
                if (o[key] is JsonObject or JsonArray && random.Next(4) > 0) node = o[key]!;
                else { o[key] = value; return; }
            }
            else if (node is JsonArray a && a.Count > 0)
            {
                int i = random.Next(a.Count);
                if (a[i] is JsonObject or JsonArray && random.Next(4) > 0) node = a[i]!;
                else { a[i] = value; return; }
            }
            else return;
        }
    }

    [Fact]
    public void A_pipe_is_not_waited_for()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("there are no named pipes among files on Windows");
        string pipe = Path.Combine(Paths.Temporary(), "tokenizer");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe])) made.WaitForExit();
        foreach (Action read in (Action[])[() => Tokenizer.FromFile(pipe), () => SentencePieceFile.Read(pipe)])
            Assert.Equal("a pipe where a file was expected", Assert.Throws<BadInputException>(read).Problem);
    }

    private static string Write(string json)
    {
        string path = Path.Combine(Paths.Temporary(), "tokenizer.json");
        File.WriteAllText(path, json);
        return path;
    }
}
