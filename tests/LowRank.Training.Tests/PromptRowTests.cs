using System.Text;
using LowRank.Tensors;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>What is to be answered is read as training rows are.</summary>
public class PromptRowTests
{
    [Fact]
    public void Texts_ids_and_conversations_of_all_kinds_of_file()
    {
        const string Lines = """
            "a"
            {"prompt": "b", "completion": "c", "id": 3}
            {"input_ids": [1, 1, 5, 6], "attention_mask": [0, 0, 1, 1]}
            {"messages": [{"role": "human", "content": "q"}], "system": "s", "tools": ["{\"a\": 1}"], "chat_template_kwargs": "{\"x\": 2}"}
            {"conversations": [{"from": "human", "value": "q"}], "system_prompt": "s"}
            [{"role": "User", "content": "q"}]
            """;
        foreach (string path in (string[])[Write("p.jsonl", "\uFEFF" + Lines), Write("p.jsonl.gz", Gzip(Encoding.UTF8.GetBytes(Lines)))])
        {
            var rows = PromptRows.Read(path);
            Assert.Equal(("a", "b"), (rows[0].Text, rows[1].Text));
            Assert.Equal([5, 6], rows[2].Ids!);
            const string Said = """[{"role":"system","content":"s"},{"role":"user","content":"q"}]""";
            Assert.Equal((Said, """[{"a":1}]""", "2"), (rows[3].Chat!.Messages!.Value.GetRawText(), rows[3].Chat!.Tools!.Value.GetRawText(), rows[3].Chat!.Variables["x"].GetRawText()));
            Assert.Equal((Said, """[{"role":"user","content":"q"}]"""), (rows[4].Chat!.Messages!.Value.GetRawText(), rows[5].Chat!.Messages!.Value.GetRawText()));
            Assert.Equal($"{path}:6", rows[5].Place);
        }
        Assert.Equal("a", PromptRows.Read(Write("p.csv", "prompt\na\n"))[0].Text);
        Assert.Equal("a", PromptRows.Read(Write("p.json", """[{"prompt": "a"}]"""))[0].Text);
        Assert.Equal(["a b", "c"], PromptRows.Read(Write("p.txt", "a b\nc\n")).Select(r => r.Text));
        Assert.Contains("two prompts, \"prompt\" and \"text\"", Assert.Throws<BadInputException>(() => PromptRows.Read(Write("q.jsonl",
            """{"prompt": "a", "text": "b"}"""))).Message);
    }

    [Fact]
    public void What_a_request_says_of_how_text_is_made_is_refused_with_the_options_that_say_it()
    {
        BadInputException Told(string row) => Assert.Throws<BadInputException>(() => PromptRows.Read(Write("p.jsonl", row)));
        var error = Told("""{"prompt": "Q", "temperature": 0.0, "seed": 3, "top-p": 0.1, "tool_choice": "required", "model": "other"}""");
        Assert.Contains("nothing is made of: \"temperature\", \"seed\", \"top-p\", \"tool_choice\", \"model\"", error.Message);
        Assert.Contains("For all prompts there are --temperature, --seed, --top-p, --model. Take them out.", error.Message);
        foreach (string key in (string[])["top_k", "min_p", "repetition_penalty", "max_tokens", "max_new_tokens", "stop", "do_sample"])
            Assert.Contains("For all prompts there is --",
                Told($$"""{"messages": [{"role": "user", "content": "q"}], "{{key}}": 1}""").Message);
        foreach (string key in (string[])["frequency_penalty", "presence_penalty", "logit_bias", "response_format", "n",
            "parallel_tool_calls"])
            Assert.Contains($"nothing is made of: \"{key}\"", Told($$"""{"prompt": "q", "{{key}}": 1}""").Message);
        Assert.Contains("nothing is made of: \"seed\"", Assert.Throws<BadInputException>(() => PromptRows.Conversation(Write("m.json",
            """{"messages": [{"role": "user", "content": "q"}], "seed": 1}"""))).Message);
    }

    [Fact]
    public void A_part_of_a_conversation_beside_a_text_is_not_taken_for_a_misspelt_one()
    {
        foreach (string key in (string[])["system", "chat_template_kwargs", "tools"])
        {
            string told = Assert.Throws<BadInputException>(() => PromptRows.Read(Write("p.jsonl",
                $$"""{"prompt": "Q", "{{key}}": "S"}"""))).Message;
            Assert.DoesNotContain("Did you mean", told);
            Assert.Contains($"\"{key}\" belongs to a conversation: give the row as messages. Take it out.", told);
        }
    }

    [Fact]
    public void What_changes_nothing_here_is_told()
        => Assert.Equal(["completion", "id", "weight", "label", "score"], PromptRows.Read(Write("p.jsonl",
            """{"prompt": "q", "completion": "r", "id": 3, "weight": 0, "label": true, "score": 2}"""))[0].Unused);

    [Theory]
    [InlineData("""{"messages": [{"role": "user", "content": "Q", "from": "gpt", "value": "LOST"}]}""", "messages[0] has both \"role\" and \"from\"")]
    [InlineData("""[{"role": "user", "content": "q"}, null]""", "messages[1] is not a message (got null)")]
    [InlineData("""{"question": "a"}""", "no prompt")]
    [InlineData("""{"promt": "a"}""", "'prompt'")]
    [InlineData("5", "no prompt")]
    [InlineData("""{"prompt": 5}""", "list")]
    [InlineData("""{"prompt": "a", "system": "s"}""", "\"system\"")]
    [InlineData("""{"prompt": "a", "temprature": 1}""", "temprature")]
    [InlineData("""{"prompt": "a", "messages": [{"role": "user", "content": "q"}]}""", "two prompts")]
    [InlineData("""{"prompt": "a", "prompt": "b"}""", "twice")]
    [InlineData("""{"prompt": "[{\"role\": \"user\", \"content\": \"q\"}]"}""", "holds messages")]
    [InlineData("""{"prompt": "a\ud83d"}""", "surrogate")]
    [InlineData("""{"input_ids": []}""", "empty")]
    [InlineData("""{"input_ids": [5, -1]}""", "got -1")]
    [InlineData("""{"messages": [{"role": "usr", "content": "q"}]}""", "'user'")]
    [InlineData("""{"messages": [{"role": "system", "content": "t"}, {"role": "user", "content": "q"}], "system": "s"}""", "two system texts")]
    public void Others_are_refused_with_their_place(string row, string says)
    {
        string path = Write("p.jsonl", "{\"prompt\": \"fine\"}\n" + row + "\n");
        var error = Assert.Throws<BadInputException>(() => PromptRows.Read(path));
        Assert.Contains(says, error.Message);
        Assert.Contains(path + ":2", error.Message);
    }

    [Fact]
    public void A_file_that_is_not_UTF8_is_refused_with_its_line()
    {
        string latin = Write("m.json", (byte[])[.. "[{\"role\": \"user\",\n\"content\": \"caf"u8, 0xE9, .. "\"}]"u8]),
            wide = Write("w.json", (byte[])[0xFF, 0xFE, 0x5B, 0]);
        Assert.Equal(($"{latin}:2", "the byte 0xE9"),
            (Assert.Throws<BadInputException>(() => PromptRows.Conversation(latin)).Place,
            Assert.Throws<BadInputException>(() => PromptRows.Conversation(latin)).Value));
        Assert.Contains("UTF-16", Assert.Throws<BadInputException>(() => PromptRows.Conversation(wide)).Message);
        Assert.Contains("UTF-8", Assert.Throws<BadInputException>(() => PromptRows.Read(Write("p.jsonl",
            (byte[])[.. "{\"prompt\": \"caf"u8, 0xE9, .. "\"}\n"u8]))).Message);
        Assert.Equal(2, PromptRows.Conversation(Write("b.json", """{"messages":[{"role":"user","content":"a"}],"system":"be brief"}""")).Chat!.Messages!.Value.GetArrayLength());
        Assert.Contains("no messages", Assert.Throws<BadInputException>(() => PromptRows.Conversation(Write("s.json",
            "\"hello\""))).Message);
    }
}
