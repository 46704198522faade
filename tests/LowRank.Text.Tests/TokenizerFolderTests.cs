using System.Text;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.Models;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>What stands beside tokenizer.json: special tokens, added tokens, chat templates.</summary>
public sealed class TokenizerFolderTests
{
    private const string Tiny = """
        {"added_tokens":[{"id":4,"content":"<e>","special":true}],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
         "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"a":0,"b":1,"c":2,"ab":3},"merges":["a b"]}}
        """;

    private readonly string _folder = Paths.Temporary();

    public TokenizerFolderTests() => Write("tokenizer.json", Tiny);

    [Fact]
    public void Ids_that_no_token_has_decode_to_nothing()
    {
        foreach (string model in (string[])["""{"type":"BPE","vocab":{"a":0,"b":1,"ab":7,"c":9},"merges":["a b"]}""", """{"type":"WordLevel","vocab":{"a":0,"ab":7,"c":9},"unk_token":"c"}"""])
        {
            Write("tokenizer.json", $$"""{"added_tokens":[{"id":20,"content":"<e>","special":true}],"pre_tokenizer":null,"decoder":{"type":"Fuse"},"model":{{model}}}""");
            var tokenizer = Open();
            Assert.Equal(21, tokenizer.VocabularySize);
            Assert.Equal([7, 20], tokenizer.Encode("ab<e>"));
            Assert.Equal("abc<e>", tokenizer.Decode([7, 3, 8, 9, 12, 20, 19]));
            Assert.Equal("ab", tokenizer.Decode([4, 7, 20, 15], skipSpecialTokens: true));
            var stream = tokenizer.NewStream();
            Assert.Equal(["", "ab", "", "c"], ((int[])[5, 7, 8, 9]).Select(stream.Push));
            Assert.Null(tokenizer.TokenOf(8));
            Assert.Equal((7, "ab"), (tokenizer.IdOf("ab"), tokenizer.TokenOf(7)));
        }
        // The ids of a role need no text: a model may end on one.
        Write("generation_config.json", """{"eos_token_id": [8, 20]}""");
        Assert.Equal([8, 20], Open().EosIds);
    }

    [Fact]
    public void Of_a_key_that_stands_twice_the_last_one_counts()
    {
        Write("tokenizer_config.json", """{"bos_token": "a", "bos_token": "c", "chat_template": "one", "chat_template": "two"}""");
        Assert.Equal(2, Open().BosId);
        Assert.Equal([("default", "two")], Templates());
        Assert.Equal([("bos_token", "c")], Special());
    }

    [Fact]
    public void Every_error_names_its_file()
    {
        Write("tokenizer.json", Tiny.Replace("\"id\":4", "\"id\":400000", StringComparison.Ordinal));
        Assert.Contains("tokenizer.json", Assert.Throws<BadInputException>(Open).Message);
        var metadata = new Dictionary<string, object> { ["tokenizer.ggml.model"] = "gpt2", ["tokenizer.ggml.pre"] = "gpt-2", ["tokenizer.ggml.tokens"] = (string[])["a", "a"], ["tokenizer.ggml.merges"] = Array.Empty<string>() };
        Assert.StartsWith("m.gguf: tokenizer.ggml.tokens: the vocabulary has a token twice", Assert.Throws<BadInputException>(() => Tokenizer.FromGguf(metadata, "m.gguf")).Message);
    }

    [Theory]
    [InlineData("tokenizer.json"), InlineData("tokenizer_config.json"), InlineData("chat_template.jinja"), InlineData("generation_config.json")]
    public void A_pointer_in_place_of_a_file_is_called_so(string name)
    {
        Write(name, "version https://git-lfs.github.com/spec/v1\noid sha256:abab\nsize 351544\n");
        string message = Assert.Throws<BadInputException>(Open).Message;
        Assert.Contains("git-lfs pointer, not the file itself (got a pointer to 351544 bytes)", message);
        Assert.Contains(name, message);
    }

    [Fact]
    public void Templates_of_the_configuration_are_a_text_or_a_list()
    {
        Assert.Empty(Open().ChatTemplates);
        Write("tokenizer_config.json", """{"chat_template": "one"}""");
        Assert.Equal([("default", "one")], Templates());
        Write("tokenizer_config.json", """{"chat_template": [{"name": "default", "template": "one"}, {"name": "tool_use", "template": "two"}]}""");
        Assert.Equal([("default", "one"), ("tool_use", "two")], Templates());
        Write("tokenizer_config.json", """{"chat_template": null}""");
        Assert.Empty(Templates());
    }

    [Fact]
    public void Template_files_stand_in_for_all_of_the_configuration_s()
    {
        Write("tokenizer_config.json", """{"chat_template": [{"name": "default", "template": "one"}, {"name": "rag", "template": "two"}]}""");
        Write("additional_chat_templates/tool_use.jinja", "three\n");
        Assert.Equal([("tool_use", "three\n")], Templates());
        Write("chat_template.jinja", "four é");
        Assert.Equal([("default", "four é"), ("tool_use", "three\n")], Templates());
    }

    [Fact]
    public void Special_tokens_are_texts_objects_and_named_ones()
    {
        Write("tokenizer_config.json", """{"add_bos_token": true, "bos_token": "c", "eos_token": {"content": "<e>"}, "unk_token": null, "extra_special_tokens": {"image_token": "ab"}, "model_max_length": 9}""");
        Write("special_tokens_map.json", """{"bos_token": "b", "pad_token": {"content": "a"}, "additional_special_tokens": ["<e>"]}""");
        Assert.Equal([("bos_token", "b"), ("eos_token", "<e>"), ("image_token", "ab"), ("pad_token", "a")], Special());
        Assert.Equal(1, Open().BosId);
        // A configuration that lists its added tokens has the last word.
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "tokenizer_config.json")))!;
        config["added_tokens_decoder"] = new JsonObject();
        Write("tokenizer_config.json", config.ToJsonString());
        Assert.Equal([("bos_token", "c"), ("eos_token", "<e>"), ("image_token", "ab"), ("pad_token", "a")], Special());
        Assert.Equal(2, Open().BosId);
    }

    [Fact]
    public void A_named_token_of_the_vocabulary_is_found_whole_in_a_text()
    {
        Assert.Equal([3, 2, 3], Open().Encode("abcab"));
        Write("tokenizer_config.json", """{"eos_token": "b"}""");
        Assert.Equal([0, 1, 2, 0, 1], Open().Encode("abcab"));
        Assert.True(Open().IsSpecial(1));
    }

    [Fact]
    public void Added_tokens_of_the_configuration_join_and_overrule_those_of_the_tokenizer()
    {
        Write("tokenizer_config.json", """
            {"added_tokens_decoder": {"6": {"content": "<g>", "special": false}, "5": {"content": "<f>", "special": true, "rstrip": true}, "4": {"content": "<e>", "special": false}}}
            """);
        Write("added_tokens.json", """{"<ignored>": 99}""");
        var tokenizer = Open();
        Assert.Equal([5, 3, 6, 4], tokenizer.Encode("<f>  ab<g><e>"));
        Assert.Equal((7, false, true), (tokenizer.VocabularySize, tokenizer.IsSpecial(4), tokenizer.IsSpecial(5)));
    }

    [Fact]
    public void Added_tokens_json_adds_what_the_tokenizer_lacks()
    {
        Write("added_tokens.json", """{"<e>": 4, "<x>": 5}""");
        Write("special_tokens_map.json", """{"pad_token": "<x>"}""");
        var tokenizer = Open();
        Assert.Equal([3, 5, 4], tokenizer.Encode("ab<x><e>"));
        Assert.Equal((5, true), (tokenizer.PadId, tokenizer.IsSpecial(5)));
    }

    [Theory]
    [InlineData("tokenizer_config.json", "{", "not JSON")]
    [InlineData("tokenizer_config.json", "[]", "an object")]
    [InlineData("tokenizer_config.json", """{"chat_template": 3}""", "chat_template")]
    [InlineData("tokenizer_config.json", """{"chat_template": [{"name": "x"}]}""", "'template' is missing")]
    [InlineData("tokenizer_config.json", """{"eos_token": 3}""", "eos_token")]
    [InlineData("tokenizer_config.json", """{"eos_token": {"text": "<e>"}}""", "'content' is missing")]
    [InlineData("tokenizer_config.json", """{"eos_token": "<nowhere>"}""", "not in the vocabulary")]
    [InlineData("tokenizer_config.json", """{"additional_special_tokens": [7]}""", "additional_special_tokens")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"x": {"content": "<f>"}}}""", "a key is not a token's id")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"2000000000": {"content": "<f>"}}}""", "does not follow the vocabulary")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"3": {"content": "<f>"}}}""", "does not follow the vocabulary")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"5": {"content": "<f>", "lstrip": 1}}}""", "lstrip")]
    [InlineData("added_tokens.json", """{"<f>": "5"}""", "<f>")]
    [InlineData("special_tokens_map.json", """{"bos_token": []}""", "bos_token")]
    [InlineData("generation_config.json", """{"eos_token_id": "4"}""", "eos_token_id")]
    public void A_malformed_file_is_named_with_its_key(string file, string text, string said)
    {
        Write(file, text);
        var error = Assert.Throws<BadInputException>(Open);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_file_of_other_bytes_or_of_megabytes_is_refused()
    {
        File.WriteAllBytes(Path.Combine(_folder, "chat_template.jinja"), [0x61, 0xff]);
        Assert.Contains("not UTF-8", Assert.Throws<BadInputException>(Open).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_folder, "chat_template.jinja"), new string('a', (4 << 20) + 1));
        Assert.Contains("too large", Assert.Throws<BadInputException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gguf_metadata_has_templates_by_name_and_tokens_by_id()
    {
        var metadata = GgufMetadata.Of(Path.Combine(_folder, "tokenizer.json"), "qwen2");
        Assert.Empty(Tokenizer.FromGguf(metadata).ChatTemplates);
        metadata["tokenizer.chat_template"] = "one";
        metadata["tokenizer.chat_templates"] = new[] { "tool_use" };
        metadata["tokenizer.chat_template.tool_use"] = "two";
        metadata["tokenizer.ggml.unknown_token_id"] = 4u;
        var tokenizer = Tokenizer.FromGguf(metadata);
        Assert.Equal([("default", "one"), ("tool_use", "two")], tokenizer.ChatTemplates.OrderBy(t => t.Key).Select(t => (t.Key, t.Value)));
        Assert.Equal([("bos_token", "b"), ("eos_token", "c"), ("pad_token", "c"), ("unk_token", "<e>")], tokenizer.SpecialTokens.OrderBy(t => t.Key).Select(t => (t.Key, t.Value.GetString()!)));
        metadata["tokenizer.chat_template"] = 3u;
        Assert.Contains("tokenizer.chat_template", Assert.Throws<BadInputException>(() => Tokenizer.FromGguf(metadata)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_real_model_s_folder_has_its_template()
    {
        var tokenizer = Tokenizer.FromFolder(Paths.Shared("goldens/smollm2/hf"));
        Assert.Equal(JsonNode.Parse(File.ReadAllText(Paths.Shared("goldens/smollm2/chat.json")))!["template"]!.GetValue<string>(), tokenizer.ChatTemplates["default"]);
        Assert.Equal("<|im_end|>", tokenizer.SpecialTokens["eos_token"].GetString());
    }

    [Fact]
    public void A_folder_with_only_a_sentencepiece_file_takes_the_rest_from_the_files_beside_it()
    {
        File.Delete(Path.Combine(_folder, "tokenizer.json"));
        Piece[] pieces = [new("<unk>", 0, PieceKind.Unknown), new("<s>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control), new("\u2581a", -1, PieceKind.Normal), new("b", -2, PieceKind.Normal)];
        File.WriteAllBytes(Path.Combine(_folder, "tokenizer.model"), SentencePieceBytes.Of(pieces, new(Kind: 2)));
        Assert.True(Tokenizer.IsIn(_folder));
        Assert.Equal([3, 4], Open().Encode("ab"));
        Assert.Equal([("bos_token", "<s>"), ("eos_token", "</s>")], Special());
        Assert.Equal((1, 2), (Open().BosId, Open().EosId));
        Write("config.json", """{"model_type": "llama"}""");
        Assert.Equal([1, 3, 4], Open().Encode("ab"));
        Write("tokenizer_config.json", """{"add_bos_token": false, "add_eos_token": true, "eos_token": "</s>", "chat_template": "one"}""");
        Write("added_tokens.json", """{"<|im_end|>": 5}""");
        Assert.Equal([3, 4, 5, 2], Open().Encode("ab<|im_end|>"));
        Assert.Equal([("default", "one")], Templates());
    }

    [Fact]
    public void Other_truncation_keeps_templates_and_special_tokens()
    {
        Write("tokenizer.json", Tiny.Replace("{\"added_tokens\"", "{\"truncation\":{\"max_length\":1,\"strategy\":\"LongestFirst\",\"stride\":0},\"added_tokens\"", StringComparison.Ordinal));
        Write("tokenizer_config.json", """{"eos_token": "<e>", "chat_template": "one"}""");
        Assert.Equal([3], Open().Encode("abc"));
        var free = Open().With();
        Assert.Equal([3, 2], free.Encode("abc"));
        Assert.Equal(("one", "<e>"), (free.ChatTemplates["default"], free.SpecialTokens["eos_token"].GetString()));
    }

    [Fact]
    public void Every_value_of_a_wrong_type_beside_it_is_refused_or_harmless()
    {
        const string whole = """
            {"bos_token": "c", "eos_token": {"content": "<e>", "special": true, "lstrip": false}, "additional_special_tokens": ["a"], "extra_special_tokens": {"x_token": "b"},
             "added_tokens_decoder": {"5": {"content": "<f>", "special": true}}, "chat_template": [{"name": "default", "template": "one"}]}
            """;
        string[] values = ["null", "true", "-3", "1e99", "\"\"", "\"x\"", "\"\\ud800\"", "[]", "[[]]", "{}", "{\"content\": \"x\"}", "[null]", "{\"\\udc00\": 1}"];
        var random = new Random(7);
        int refused = 0;
        for (int i = 0; i < 1500; i++)
        {
            string text = whole;
            for (int n = random.Next(1, 3); n > 0; n--)
            {
                var places = System.Text.RegularExpressions.Regex.Matches(text, "\"[^\"]*\"(?!:)|true|false|\\[[^\\[\\]]*\\]|\\{[^{}]*\\}");
                var at = places[random.Next(places.Count)];
                text = string.Concat(text.AsSpan(0, at.Index), values[random.Next(values.Length)], text.AsSpan(at.Index + at.Length));
            }
            Write(random.Next(4) == 0 ? "special_tokens_map.json" : "tokenizer_config.json", text);
            try { Open().Encode("abc"); }
            catch (BadInputException) { refused++; }
            if (i % 7 == 0) File.Delete(Path.Combine(_folder, "special_tokens_map.json"));
        }
        Assert.InRange(refused, 100, 1499);
    }

    private Tokenizer Open() => Tokenizer.FromFolder(_folder);

    private List<(string, string)> Templates() => [.. Open().ChatTemplates.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => (t.Key, t.Value))];

    private List<(string, string)> Special() => [.. Open().SpecialTokens.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => (t.Key, t.Value.GetString()!))];

    private void Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text, new UTF8Encoding(false));
    }
}
