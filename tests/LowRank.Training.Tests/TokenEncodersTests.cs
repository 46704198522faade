using LowRank.TestKit;
using LowRank.Text.Chat;
using Xunit;

namespace LowRank.Training.Tests;

/// <summary>Encoded rows are kept by the encoder's identity: whatever a tokenizer may be read from has to change it.</summary>
public sealed class TokenEncodersTests
{
    [Fact]
    public void The_identity_is_of_every_file_that_a_tokenizer_may_be_read_from_and_of_no_other()
    {
        string folder = Paths.Temporary();
        void Write(string name, string text) => File.WriteAllText(Path.Combine(folder, name), text);
        string Identity() => TokenEncoders.Of(TextConventions.Of(folder), "all")!.Identity!;
        Write("tokenizer.json", ByteTokenizer.Json);
        HashSet<string> met = [Identity()];
        string[] files =
        [
            "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json", "config.json",
            "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
        ];
        foreach (string file in files)
        {
            Write(file, "{}");
            Assert.True(met.Add(Identity()), file);
        }
        Write("sentencepiece.bpe.model", "{} ");
        Assert.True(met.Add(Identity()));
        Write("README.md", "of no account");
        Assert.False(met.Add(Identity()));
    }

    [Fact]
    public void The_same_content_under_another_name_is_another_tokenizer()
    {
        string folder = Paths.Temporary(), one = Path.Combine(folder, "added_tokens.json"), other = Path.Combine(folder, "config.json");
        string Identity() => TokenEncoders.Of(TextConventions.Of(folder), "all")!.Identity!;
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), ByteTokenizer.Json);
        File.WriteAllText(one, "{}");
        string before = Identity();
        File.Move(one, other);
        Assert.NotEqual(before, Identity());
    }
}
