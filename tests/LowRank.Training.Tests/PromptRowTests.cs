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
    }

    [Theory]
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
