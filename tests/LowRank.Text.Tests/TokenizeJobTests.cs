using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

public sealed class TokenizeJobTests
{
    private static readonly Tokenizer Tokenizer = Tokenizer.FromFile(Path.Combine(Paths.Golden("tokenizers"), "post-sequence", "tokenizer.json"));

    [Fact]
    public void Items_are_answered_in_order()
    {
        var answers = new TokenizeJob(Tokenizer).Run("""["a", {"text":"a","pair":"b"}, {"text":"a","special_tokens":false}, {"ids":[64,999999]}, {"batch":["a",["a","b"]]}, {"what":1}, 7, {"batch":["a"],"padding":{"strategy":"Longest"}}]""", "texts.json");
        Assert.Equal(8, answers.Count);
        var plain = answers[2]!;
        var encoding = Tokenizer.EncodeWithOffsets("a");
        Assert.Equal(encoding.Ids, answers[0]!["ids"]!.AsArray().Select(i => i!.GetValue<int>()));
        Assert.Equal(["ids", "tokens", "offsets", "type_ids", "decoded", "decoded_plain"], answers[0]!.AsObject().Select(p => p.Key));
        Assert.True(plain["ids"]!.AsArray().Count < encoding.Ids.Count);
        Assert.Equal(3, answers[3]!["pieces"]!.AsArray().Count);
        Assert.Equal(2, answers[4]!["rows"]!.AsArray().Count);
        Assert.Equal(["ids", "attention_mask", "type_ids", "special_tokens_mask"], answers[4]!["rows"]![1]!.AsObject().Select(p => p.Key));
        foreach (int i in new[] { 5, 6, 7 }) Assert.NotNull(answers[i]!["error"]);
    }

    [Theory]
    [InlineData("""{"text":"a","special_token":false}""", "(got special_token); expected text, pair, special_tokens. Did you mean 'special_tokens'?")]
    [InlineData("""{"text":"a","ids":[1]}""", "(got ids); expected text, pair, special_tokens")]
    [InlineData("""{"ids":[1],"pair":"b"}""", "(got pair); expected ids, keep_special")]
    [InlineData("""{"batch":["a"],"truncations":null}""", "Did you mean 'truncation'?")]
    public void A_key_that_nothing_is_made_of_is_refused(string item, string said)
    {
        string error = (string)new TokenizeJob(Tokenizer).Run($"[{item}]", "texts.json")[0]!["error"]!;
        Assert.StartsWith("texts.json[0]: a key that nothing is made of", error, StringComparison.Ordinal);
        Assert.Contains(said, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_that_only_remark_are_not()
        => Assert.NotNull(new TokenizeJob(Tokenizer).Run("""[{"text":"a","id":7,"source":"web"}]""", "texts.json")[0]!["ids"]);

    [Fact]
    public void Without_special_tokens_unless_given()
    {
        var answers = new TokenizeJob(Tokenizer, specialTokens: false).Run("""["a", {"text":"a","special_tokens":true}]""", "texts.json");
        Assert.Equal(Tokenizer.Encode("a", false), answers[0]!["ids"]!.AsArray().Select(i => i!.GetValue<int>()));
        Assert.Equal(Tokenizer.Encode("a"), answers[1]!["ids"]!.AsArray().Select(i => i!.GetValue<int>()));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""[{"a":1,"a":2,"\ud800":3}]""")]
    public void Input_that_is_no_list_is_refused(string json)
        => Assert.Contains("texts.json", Assert.Throws<BadInputException>(() => new TokenizeJob(Tokenizer).Run(json, "texts.json")).Message, StringComparison.Ordinal);
}
