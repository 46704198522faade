using LowRank.Tensors;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>What a row or a turn says about being learnt is done or refused, under every name and in every format.</summary>
public class RowWeightTests
{
    private static readonly string[] Unlearnt =
    [
        "\"weight\": 0", "\"weight\": 0.0", "\"weight\": false", "\"weight\": \"0\"", "\"weight\": \"False\"", "\"loss_weight\": 0",
        "\"sample_weight\": 0", "\"train\": false", "\"trainable\": 0",
        "\"training\": false", "\"loss\": false", "\"loss_mask\": 0", "\"masked\": true", "\"masked\": 1",
        "\"weight\": 0, \"train\": false", "\"weight\": 0, \"loss\": null",
    ];

    [Fact]
    public void Turns_of_weight_0_are_not_learnt_in_any_conversation_format()
    {
        foreach (string no in Unlearnt)
        {
            string turns = $$"""[{"role": "user", "content": "p"}, {"role": "assistant", "content": "bad", {{no}}}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "good", "weight": 1}]""";
            string gpt = $$"""[{"from": "human", "value": "p", "weight": 0}, {"from": "gpt", "value": "bad", {{no}}}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "good"}]""";
            Assert.Equal("upÉabadÉuqÉa[goodÉ]", Shown($$"""{"messages": {{turns}}}"""));
            Assert.Equal("upÉabadÉuqÉa[goodÉ]", Shown($$"""{"conversations": {{turns}}}"""));
            Assert.Equal("upÉabadÉuqÉa[goodÉ]", Shown($$"""{"conversations": {{gpt}}}"""));
            Assert.Equal("ssÉupÉabadÉuqÉa[goodÉ]", Shown($$"""{"prompt": [{"role": "system", "content": "s", "weight": 0}, {"role": "user", "content": "p"}], "completion": {{turns.Replace("""{"role": "user", "content": "p"}, """, "")}}}"""));
            Assert.Equal("upÉabadÉuqÉa[goodÉ]", Shown($$"""{"chosen": {{turns}}, "rejected": []}""", new("") { Columns = new Dictionary<string, string> { ["messages"] = "chosen" } }));
            Assert.Equal("[upÉ]abadÉ[uqÉagoodÉ]", Shown($$"""{"messages": {{turns}}}""", new("") { TrainOnInputs = true }));
        }
    }

    [Fact]
    public void A_row_of_weight_0_is_left_without_targets_and_counted()
    {
        foreach (string no in Unlearnt)
            foreach (string row in (string[])["\"prompt\": \"a\", \"completion\": \"b\"", "\"text\": \"a b\"",
                "\"instruction\": \"a\", \"output\": \"b\"", "\"input_ids\": [97, 98]",
                "\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"r\"}]"])
                if (!(row.Contains("input_ids") && no.Contains("loss_mask"))) // there it is a mask
                    Assert.Equal((RowFault.NoTarget, true), (Made($"{{{row}, {no}}}").Fault,
                        Made($"{{{row}, {no}}}").Error!.Message.Contains("weight 0")));
        string path = Write("w.jsonl",
            "{\"prompt\": \"a\", \"completion\": \"b\", \"weight\": 0}\n{\"prompt\": \"c\", \"completion\": \"d\", \"weight\": 1}\n");
        var rows = RowSet.Load(new DataOptions(path) { SkipBadRows = true }, 1 << 16, Letters);
        Assert.Equal((1, 1L, "^c[ dÉ]"), (rows.Rows.Count, rows.Tally.Skipped, Show(rows.Rows[0])));
        Assert.Contains("w.jsonl:1", Assert.Throws<BadInputException>(() => RowSet.Load(new DataOptions(path), 1 << 16, Letters)).Message);
    }

    [Theory]
    [InlineData("""{"role": "assistant", "content": "r", "weight": 0.5}""", "got 0.5")]
    [InlineData("""{"role": "assistant", "content": "r", "weight": 2}""", "got 2")]
    [InlineData("""{"role": "assistant", "content": "r", "weight": [1]}""", "got [1]")]
    [InlineData("""{"role": "assistant", "content": "r", "weight": "half"}""", "ignore_columns: [weight]")]
    [InlineData("""{"role": "assistant", "content": "r", "loss_mask": -1}""", "neither 0 nor 1")]
    [InlineData("""{"role": "assistant", "content": "r", "weight": 1, "masked": true}""", "contradicts itself: \"weight\" says that it is learnt, \"masked\" that it is not")]
    [InlineData("""{"role": "assistant", "content": "r", "weight": 0}""", "all assistant messages of a conversation have weight 0")]
    [InlineData("""{"role": "assistant", "content": "r"}, {"role": "user", "content": "q", "weight": 1}""", "messages[2] is not the assistant's")]
    [InlineData("""{"role": "assistant", "content": "r"}, {"role": "user", "content": "q", "masked": false}""", "messages[2] is not the assistant's")]
    [InlineData("""{"role": "assistant", "content": "r", "wieght": 0}""", "'weight'")]
    [InlineData("""{"role": "assistant", "content": "r", "weight": 0, "weight": 1}""", "twice")]
    public void Weights_that_cannot_be_meant_are_refused(string turn, string says)
        => Assert.Contains(says, Shown($$"""{"messages": [{"role": "user", "content": "q"}, {{turn}}]}"""));

    [Theory]
    [InlineData("""{"prompt": "a", "completion": "b", "weight": 0.3}""", "got 0.3")]
    [InlineData("""{"prompt": "a", "completion": "b", "loss": 1.25}""", "ignore_columns: [loss]")]
    [InlineData("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "loss_mask": [0, 1]}""", "got [0, 1]")]
    [InlineData("""{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x", "weight": 1}], "completion": [{"role": "assistant", "content": "r"}]}""", "prompt[1]")]
    public void Rows_likewise(string row, string says) => Assert.Contains(says, Shown(row));

    [Fact]
    public void All_of_a_conversation_but_what_has_weight_0()
    {
        const string Row = """{"messages": [{"role": "user", "content": "q", "weight": 0}, {"role": "assistant", "content": "r"}]}""";
        Assert.Equal("uqÉa[rÉ]", Shown(Row));
        Assert.Contains("messages[0] has weight 0, and all of the conversation is to be learnt",
            Shown(Row, new("") { TrainOnInputs = true }));
    }

    [Fact]
    public void Weights_of_a_prompt_that_is_learnt_hold_as_well()
    {
        const string Row = """
            {"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x", "weight": 0}, {"role": "user", "content": "y"}],
             "completion": [{"role": "assistant", "content": "r"}]}
            """;
        Assert.Equal("uqÉaxÉuyÉa[rÉ]", Shown(Row));
        Assert.Equal("[uqÉ]axÉ[uyÉarÉ]", Shown(Row, new("") { TrainOnInputs = true }));
        string user = Row.Replace("\"content\": \"y\"", "\"content\": \"y\", \"weight\": 0");
        Assert.Equal("uqÉaxÉuyÉa[rÉ]", Shown(user));
        Assert.Contains("messages[2] has weight 0", Shown(user, new("") { TrainOnInputs = true }));
    }
}
