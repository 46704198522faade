using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>Each key of a row is used, harmless by its name, or refused (ADR 0036).</summary>
public class RowKeyTests
{
    private const string Turns = """[{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]""";

    // Every key that a format reads, once at least.
    private static readonly string[] Full =
    [
        $$"""{"messages": {{Turns}}, "system": "s", "tools": [{"a": 1}], "weight": 1, "prompt": "q"}""",
        """{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r", "weight": 1}], "system_prompt": "s", "functions": [{"a": 1}], "train": true}""",
        """{"instruction": "i", "input": "j", "output": "o", "system": "s", "history": [["a", "b"]], "trainable": 1}""",
        """{"prompt": "q", "completion": "r", "loss": 1}""",
        $$"""{"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "r"}], "system_message": "s", "tools": [{"a": 1}], "sample_weight": 1}""",
        """{"text": "some", "masked": false}""",
        """{"input_ids": [97, 98, 99, 100], "labels": [97, 98, 99, -100], "attention_mask": [0, 1, 1, 1], "completion_mask": [1, 1, 1, 1], "assistant_masks": [1, 1, 1, 1], "loss_mask": [1, 1, 1, 1], "special_tokens_mask": [0, 0, 0, 0], "token_type_ids": [0, 0, 0, 0], "position_ids": [0, 0, 1, 2], "seq_lengths": [3]}""",
    ];

    [Fact]
    public void Every_key_changed_gives_another_row_or_a_refusal()
    {
        int walked = 0;
        foreach (string json in Full)
        {
            string whole = Shown(json);
            Assert.DoesNotContain("!", whole);
            foreach (string key in JsonNode.Parse(json)!.AsObject().Select(p => p.Key))
                foreach (var value in (JsonNode?[])[JsonNode.Parse("7.5"), "zz", new JsonArray(), new JsonObject { ["zz"] = 1 }])
                {
                    var changed = JsonNode.Parse(json)!.AsObject();
                    changed[key] = value!.DeepClone();
                    // an empty list is none, as in tables of text
                    if (key == "tools" && value is JsonArray) continue;
                    Assert.True(Shown(changed.ToJsonString()) != whole, $"{key} = {value.ToJsonString()} in {json}");
                    walked++;
                }
            foreach (string key in (string[])["zzzz", "wieght", "mask", "labls", "label", "reward", "system_promt", "loss_weights",
                "token_weights"])
                Assert.Contains(key, Shown(json[..^1] + $", \"{key}\": 1}}"));
        }
        Assert.True(walked > 90);
    }

    [Fact]
    public void Keys_of_turns_changed_likewise()
    {
        foreach (string turn in (string[])["\"contents\": \"x\"", "\"asistant\": 1, \"contnet\": 2", "\"wieght\": 0", "\"tool_call\": []",
            "\"reasoning_contents\": \"x\"", "\"loss_maks\": 0"])
            Assert.StartsWith("!x.jsonl:1: messages[1] has a key that is not known", Shown($$"""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r", {{turn}}}]}"""));
    }

    [Fact]
    public void Unknown_keys_are_listed_together_with_the_setting_that_leaves_them_out()
    {
        const string Row = """{"prompt": "q", "completion": "r", "solution": "x", "reward": 0.5, "source": "web", "completions": ["a"], "empty": null}""";
        string told = Shown(Row);
        Assert.Contains("\"solution\", \"reward\", \"completions\"", told);
        Assert.Contains("Did you mean 'completion'? To train without them, set ignore_columns: [solution, reward, completions].", told);
        Assert.DoesNotContain("\"source\"", told);
        Assert.Equal("^q[ rÉ]", Shown(Row, new("") { Ignored = new(["solution", "reward", "completions"]) }));
        Assert.Equal("uqÉa[rÉ]", Shown($$"""{"messages": [{"role": "user", "content": "q", "weight": 0.3}, {"role": "assistant", "content": "r"}]}""", new("") { Ignored = new(["weight"]) }));
        var settings = SettingsBinder.Bind(new JsonObject { ["model"] = "outlet", ["data"] = Write("x.jsonl", Row),
            ["ignore_columns"] = new JsonArray("a", "b") });
        Assert.Equal(["a", "b"], settings.DataOptions().Ignored.Names);
        Assert.Equal("""["a","b"]""", SettingsBinder.ToTree(settings)["ignore_columns"]!.ToJsonString());
    }

    [Theory]
    [InlineData("""{"prompt": "q", "completion": "r", "label": 1}""", "\"label\"")] // whether it is a good answer
    [InlineData("""{"prompt": "q", "completion": "r", "tools": [{}]}""", "\"tools\"")]
    [InlineData("""{"prompt": "q", "completion": "r", "completion": "x"}""", "a key stands twice in one object (got completion)")]
    [InlineData("""{"prompt": "q", "completion": "r", "meta": [{"a": 1, "a": 2}]}""", "twice in one object (got a)")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "prompt": "z"}""", "ignore_columns: [prompt]")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": 5}]}""", "messages[1].content is neither text nor a list of parts (got 5)")]
    [InlineData("""{"messages": [[{"role": "user", "content": "q"}]]}""", "messages[0] is not a message (got a list)")]
    [InlineData("""{"messages": [{"role": "asistant", "content": "r"}]}""", "'assistant'")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, null, {"role": "assistant", "content": "r"}]}""", "messages[1] is not a message (got null)")]
    [InlineData("""{"messages": [{"role": "user", "content": "q", "from": "gpt", "value": "LOST"}, {"role": "assistant", "content": "r"}]}""", "messages[0] has both \"role\" and \"from\" (got the keys role, content, from, value)")]
    [InlineData("""{"conversations": [{"from": "human", "value": "q"}, {"role": "assistant", "value": "r"}]}""", "conversations[1] has both \"role\" and \"value\" (got the keys role, value)")]
    [InlineData("""{"conversations": [{"from": "hooman", "value": "r"}]}""", "'human'")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "tools": ["{"]}""", "\"tools[0]\" is a text that is no JSON")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "tools": {"a": 1}}""", "\"tools\" is not a list")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "chat_template_kwargs": "x"}""", "no JSON")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "chat_template_kwargs": [1]}""", "no object")]
    [InlineData("""{"prompt": "[{\"role\": \"user\", \"content\": \"q\"}]", "completion": "r"}""", "\"prompt\" is a text that holds messages as JSON")]
    [InlineData("""{"prompt": "q", "completion": " [{\"from\": \"gpt\", \"value\": \"q\"}]"}""", "\"completion\" is a text that holds messages")]
    [InlineData("""{"text": "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}"}""", "\"text\" is a text that holds messages")]
    [InlineData("""{"prompt": "[{'role': 'user', 'content': 'q'}]", "completion": "r"}""", "holds messages")]
    public void What_would_be_lost_is_refused(string row, string says) => Assert.Contains(says, Shown(row));

    [Theory]
    [InlineData("""{"messages": [{"role": "human", "content": "q"}, {"role": "bot", "content": "r"}]}""", "uqÉa[rÉ]")]
    [InlineData("""{"messages": [{"role": "User", "content": "q"}, {"role": "Assistant", "content": "r"}]}""", "uqÉa[rÉ]")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "model", "content": "r"}, {"role": "user", "content": "z"}, {"role": "GPT", "content": "w"}]}""", "uqÉa[rÉ]uzÉa[wÉ]")]
    [InlineData("""{"conversations": [{"from": "Human", "value": "q"}, {"from": "bot", "value": "r"}]}""", "uqÉa[rÉ]")]
    [InlineData("""{"prompt": [{"role": "human", "content": "q"}], "completion": [{"role": "gpt", "content": "r"}]}""", "uqÉa[rÉ]")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}}], "functions": [{"name": "f"}]}""", "T1uqÉa[fÉ]")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": "[{\"function\": {\"name\": \"f\"}}]"}], "tools": ["{\"a\": 1}", {"b": 2}]}""", "T2uqÉa[fÉ]")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "tools": "", "chat_template_kwargs": "{\"a\": 1}"}""", "uqÉa[rÉ]")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "tools": "null", "documents": "[]"}""", "uqÉa[rÉ]")]
    [InlineData("""{"messages": {"role": ["user", "assistant"], "content": ["q", "r"], "weight": [null, 1]}}""", "uqÉa[rÉ]")]
    [InlineData("""{"messages": [{"role": "user", "content": " q"}, {"role": "assistant", "content": "r"}], "prompt": "q ", "prompt_id": "1"}""", "u qÉa[rÉ]")]
    public void What_can_only_mean_one_thing_is_read_so(string row, string shown) => Assert.Equal(shown, Shown(row));

    [Fact]
    public void A_system_text_beside_the_conversation_is_its_first_turn_in_every_format()
    {
        foreach (string key in (string[])["system", "system_prompt", "system_message", "system_instruction"])
        {
            Assert.Equal("ssÉuqÉa[rÉ]", Shown($$"""{"messages": {{Turns}}, "{{key}}": "s"}"""));
            Assert.Equal("ssÉuqÉa[rÉ]", Shown($$"""{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}], "{{key}}": "s"}"""));
            Assert.Equal("ssÉuqÉa[rÉ]", Shown($$"""{"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "r"}], "{{key}}": "s"}"""));
            Assert.Equal("ssÉuqÉa[rÉ]", Shown($$"""{"instruction": "q", "output": "r", "{{key}}": "s"}"""));
            Assert.Equal("ssÉuqÉa[rÉ]", Shown($$"""{"chosen": {{Turns}}, "rejected": {{Turns}}, "{{key}}": "s"}""", new("") { Survey = true }));
            Assert.Equal("uqÉa[rÉ]", Shown($$"""{"messages": {{Turns}}, "{{key}}": ""}"""));
            Assert.Equal("ssÉuqÉa[rÉ]", Shown($$"""{"messages": [{"role": "system", "content": "s"}, {{Turns[1..]}}, "{{key}}": "s"}"""));
            Assert.Contains("two system texts, one beside its messages and another as the first of them (got \"s\"); expected \"t\"", Shown($$"""{"conversations": [{"from": "system", "value": "t"}, {{Turns[1..]}}, "{{key}}": "s"}"""));
            foreach (string text in (string[])["\"prompt\": \"q\", \"completion\": \"r\"", "\"text\": \"t\"", "\"input_ids\": [1, 2]"])
            {
                string told = Shown($$"""{{{text}}, "{{key}}": "s"}""");
                Assert.Contains($"nothing is made of: \"{key}\"", told);
                Assert.Contains($"give the row as messages. To train without it, set ignore_columns: [{key}].", told);
            }
        }
        Assert.Contains("two system texts, \"system\" and \"system_prompt\"", Shown($$"""{"messages": {{Turns}}, "system": "s", "system_prompt": "t"}"""));
        Assert.Equal("ssÉuqÉa[rÉ]", Shown($$"""{"messages": {{Turns}}, "system": "s", "system_prompt": "s"}"""));
    }

    [Fact]
    public void Messages_in_a_text_are_learnt_as_a_text_where_the_format_is_named()
        => Assert.StartsWith("^[{'role'", Shown("""{"prompt": "[{'role': 'user', 'content': 'q'}]", "completion": "r"}""", new("") { Format = "prompt_completion" }));

    [Fact]
    public void Json_in_a_text_file_is_refused()
    {
        foreach (string text in (string[])["{\"prompt\": \"a\", \"completion\": \"b\"}\n", "fine\n {\"a\": 1} \n", "[{\"a\": 1}]\n",
            "{\n  \"a\": 1\n}\n", "[\n{\"a\": 1}\n]\n"])
            Assert.Contains("the ending .jsonl", Assert.Throws<BadInputException>(() => RowReader.Read(Write("train.jsonl.txt", text),
                1 << 16, Letters).ToList()).Message);
        Assert.Equal(3, RowReader.Read(Write("x.txt", "{curly} words\n[1] a note\n[2, 3]\n"), 1 << 16, Letters).Count());
    }

    [Fact]
    public void A_text_that_has_its_marks_already_gets_no_second_ones()
    {
        var marked = Letters with { EndIds = [202], Encode = (text, special) => [.. special ? new[] { 200 } : [],
            .. text.Select(c => c == '^' ? 200 : c == '$' ? 202 : (int)c)] };
        Assert.Equal("[^abÉ]", Shown("""{"text": "^ab"}""", encoder: marked));
        Assert.Equal("[^abÊ]", Shown("""{"text": "ab$"}""", encoder: marked));
        Assert.Equal("[^abÊ\n]", Shown("""{"text": "^ab$\n"}""", encoder: marked));
        Assert.Equal("[^ab\nÉ]", Shown("""{"text": "ab\n"}""", encoder: marked));
        Assert.Equal("^q[ r\u00CA]", Shown("""{"prompt": "^q", "completion": "r$"}""", encoder: marked));
        int[] Both(string text, bool special) => [.. special ? new[] { 200 } : [],
            .. text.Select(c => c == '^' ? 200 : c == '$' ? 201 : (int)c), .. special ? new[] { 201 } : []];
        Assert.Equal([200, 'a', 201], BeginningMark.Once(Both, "^a$"));
        Assert.Equal([200, 'a', 'a', 201], BeginningMark.Once(Both, "aa"));
        Assert.Equal([200, 201], BeginningMark.Once(Both, ""));
        Assert.Equal([200, 'a'], BeginningMark.Once(marked.Encode, "^a"));
    }

    [Theory]
    [InlineData("""{"messages": M, "tools": [{"name": "\ud800"}]}""", "\"tools\" cannot be used: it holds half a surrogate pair")]
    [InlineData("""{"messages": M, "tools": "[{\"a\": \"\\ud800\"}]"}""", "\"tools\" cannot be used: it holds half a surrogate pair")]
    [InlineData("""{"messages": M, "variables": {"a": "\ud800"}}""", "\"variables\" cannot be used: it holds half a surrogate pair")]
    [InlineData("""{"messages": [{"role": "assistant", "tool_calls": "[{\"a\": \"\\ud800\"}]"}]}""", "messages[0] holds half a surrogate pair")]
    [InlineData("""{"messages": [{"role": "assistant", "tool_calls": "[{\"a\": 1, \"a\": 2}]"}]}""", "a key stands twice in one object (got a)")]
    [InlineData("""{"messages": [{"role": "assistant", "function_call": "{\"\\ud800\": 1, \"name\": \"f\"}"}]}""", "a key holds half a surrogate pair")]
    [InlineData("""{"messages": [{"role": "assistant", "tool_calls": "DEEP"}]}""", "\"messages\" cannot be used: it holds half a surrogate pair, or is nested too deep")]
    [InlineData("""{"text": "a", "text": "b", "\ud800": 1}""", "a key holds half a surrogate pair")]
    public void Texts_and_nests_that_cannot_be_kept_are_errors_of_their_row(string json, string said)
    {
        string deep = string.Concat(Enumerable.Repeat("[", 63)) + new string(']', 63);
        Assert.StartsWith($"!x.jsonl:1: {said}", Shown(json.Replace("M,", Turns + ",").Replace("DEEP", deep)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_that_lacks_a_key_is_told_how_to_name_the_column()
    {
        Assert.Contains("lacks the key \"output\"", Shown("""{"instruction": "i", "context": "c", "response": "r"}"""));
        Assert.Contains("columns: {output: response}, on the command line --set columns.output=response.",
            Shown("""{"instruction": "i", "context": "c", "response": "r", "category": "x"}"""));
        Assert.DoesNotContain("columns:", Shown("""{"instruction": "i", "input": "j", "id": 3}"""));
    }

    [Fact]
    public void Remarks_of_turns_that_the_template_does_not_read_are_told()
    {
        var encoder = Letters with { Chat = (request, only) => Letters.Chat!(request, only) with { Unused = ["messages.name"] } };
        Assert.Equal(["id", "messages.name"], Made($$"""{"messages": {{Turns}}, "id": 1}""", encoder: encoder).Unused);
    }

    [Fact]
    public void A_key_of_calls_is_left_out_where_the_setting_names_it()
    {
        const string Calls = """[{"weight": 0, "function": {"name": "f", "weight": 1}}, {"name": "g", "weight": 1}]""";
        var turns = System.Text.Json.JsonDocument.Parse($$"""[{"role": "assistant", "tool_calls": {{Calls}}}]""").RootElement;
        var read = LowRank.Text.Chat.MessageReader.Read(turns, "messages",
            new(["tool_calls.weight", "tool_calls.name", "name"]));
        Assert.Equal("""[{"function":{"name":"f"}},{"name":"g"}]""", read[0]["tool_calls"]!.ToJsonString());
    }

    [Fact]
    public void What_ignore_columns_names_and_no_row_has_is_told()
    {
        string file = Write("x.jsonl", """
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "thinking": "c", "tool_calls": [{"function": {"name": "f"}, "z": 1}]}], "weight": null}
            {"prompt": "q", "completion": "r"}
            """);
        Assert.Equal([$"{file}: no row has the key \"nosuch\", which ignore_columns names.",
                $"{file}: no row has the key \"tool_calls.other\", which ignore_columns names. Did you mean 'tool_calls'?",
                $"{file}: no row has the key \"weigt\", which ignore_columns names. Did you mean 'weight'?"],
            Notes("nosuch", "tool_calls.other", "weigt", "thinking", "tool_calls.z"));
        Assert.Empty(Notes("weight", "thinking", "tool_calls.z")); // a key without a value was met as well

        IReadOnlyList<string> Notes(params string[] ignored)
        {
            var options = new DataOptions(file) { Ignored = new(ignored), Survey = false, SkipBadRows = true };
            var survey = DataSurvey.Of(options with { Ignored = new(ignored) }, null, Letters, 400, null, 0).Notes;
            Assert.Equal(RowSet.Load(options, 400, Letters).Notes, survey);
            return survey;
        }
    }

    [Fact]
    public void A_key_whose_name_columns_give_to_another_is_told()
    {
        const string Row = """{"prompt": "q", "completion": "old", "answer": "r"}""";
        var options = new DataOptions("") { Columns = new Dictionary<string, string> { ["completion"] = "answer" } };
        Assert.Equal("^q[ rÉ]", Shown(Row, options));
        Assert.Equal(["completion"], Made(Row, options).Unused);
    }

    [Fact]
    public void What_stands_beside_a_list_of_rows_is_told_also_where_they_come_from_the_store()
    {
        string path = Write("x.json", """{"weight": 0, "data": [{"text": "ab"}]}""");
        string told = $"{path}: values of the column weight are left out: it stands beside the list of rows";
        foreach (var cache in (DataCache[])[DataCache.Off, DataCache.On, DataCache.On])
            Assert.Equal([told], RowSet.Load(new DataOptions(path) { Cache = cache }, 1 << 16, Letters).Notes);
        Assert.Equal([told], DataSurvey.Of(new DataOptions(path), null, Letters, 1 << 16, null, 0).Notes);
        Assert.Equal([told], DataSurvey.Of(new DataOptions(Write("y.jsonl", "{\"text\": \"ab\"}\n")), new DataOptions(path), Letters, 1 << 16, null, 0).Notes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"text\": 7}\n")]
    public void A_look_at_data_refuses_what_training_refuses(string second)
    {
        var options = new DataOptions(new DataSources(new DataSource(Write("x.jsonl", "{\"text\": \"ab\"}\n")),
            new DataSource(Write("y.jsonl", second)))) { SkipBadRows = true };
        Assert.Throws<BadInputException>(() => RowSet.Load(options, 1 << 16, Letters));
        var survey = DataSurvey.Of(options, null, Letters, 1 << 16, null, 0);
        Assert.True(survey.Refused);
        Assert.Contains(second.Length == 0 ? "the data file has no rows" : "is not text", survey.Errors[0].Error.Message);
    }

    [Fact]
    public void Rows_that_are_cut_and_keys_that_change_nothing_are_counted_also_where_they_come_from_the_store()
    {
        string path = Write("x.jsonl", "{\"text\": \"abcdef\", \"id\": 1}\n{\"text\": \"ab\", \"id\": 2, \"source\": \"web\"}\n");
        foreach (var cache in (DataCache[])[DataCache.Off, DataCache.On, DataCache.On])
        {
            var tally = RowSet.Load(new DataOptions(path) { MaxLength = 5, Cache = cache }, 1 << 16, Letters).Tally;
            Assert.Equal((1, "[id, 2]; [source, 1]"), (tally.Cut, string.Join("; ", tally.Unused)));
        }
        Assert.Equal(0, RowSet.Load(new DataOptions(path) { MaxLength = 8 }, 1 << 16, Letters).Tally.Cut);
        Assert.Equal("[id, 2]; [source, 1]", string.Join("; ",
            DataSurvey.Of(new DataOptions(path), null, Letters, 1 << 16, null, 0).Unused));
    }
}
