using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.TestKit;
using LowRank.Text.Chat;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Chat;

/// <summary>Ids and masks of real templates, as Transformers has them.</summary>
public sealed class ChatGoldenTests
{
    /// <summary>The committed ones, and beside the shared folder all whose tokenizer is a golden.</summary>
    public static TheoryData<string> Real()
    {
        string folder = Path.Combine(Environment.GetEnvironmentVariable("LOWRANK_SHARED") ?? Path.Combine(Paths.Root, "..", "shared"), "goldens", "templates", "real");
        var files = Directory.EnumerateFiles(Paths.Golden("templates/real")).Concat(Directory.Exists(folder) ? Directory.EnumerateFiles(folder) : []).DistinctBy(Path.GetFileName);
        return [.. files.Where(f => JsonNode.Parse(File.ReadAllText(f))!["tokenizer"]?["golden"] is not null).Order(StringComparer.Ordinal)];
    }

    [Theory, MemberData(nameof(Real))]
    public void Ids_and_masks_equal_the_reference(string file)
    {
        var golden = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
        var chats = JsonDocument.Parse(File.ReadAllText(Paths.Golden("templates/chats.json"))).RootElement;
        var now = DateTime.Parse(chats.GetProperty("now").GetString()!, System.Globalization.CultureInfo.InvariantCulture);
        var tokenizer = Tokenizer.FromFolder(Paths.Golden("tokenizers/" + golden.GetProperty("tokenizer").GetProperty("golden").GetString()));
        var variables = golden.GetProperty("variables").EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
        var encoder = new ChatEncoder(tokenizer, ChatTemplate.Parse(golden.GetProperty("template").GetString()!), variables);
        int masks = 0;
        foreach (var (expected, chat) in golden.GetProperty("cases").EnumerateArray().Zip(chats.GetProperty("cases").EnumerateArray()))
        {
            if (!expected.TryGetProperty("ids", out var ids)) continue;
            string name = chat.GetProperty("name").GetString()!;
            var rendered = encoder.Render(Request(chat) with { Now = now });
            Assert.Equal(expected.GetProperty("text").GetString(), rendered.Text);
            var tokens = encoder.Tokens(rendered);
            Assert.Equal(ids.EnumerateArray().Select(i => i.GetInt32()), tokens.Ids);
            int[] mask = new int[tokens.Ids.Length];
            if (expected.TryGetProperty("mask", out var runs))
                foreach (var run in runs.EnumerateArray()) Array.Fill(mask, 1, run[0].GetInt32(), run[1].GetInt32() - run[0].GetInt32());
            Assert.True(mask.SequenceEqual(tokens.AssistantMask), name);
            if (!mask.Contains(1)) continue;
            masks++;
            if (chat.TryGetProperty("continue_final_message", out _) || chat.TryGetProperty("add_generation_prompt", out _)) continue;
            // For training the same, as all of these blocks hold their end token; the others would be refused for what they are.
            Assert.Equal(mask, encoder.EncodeForTraining(Request(chat) with { Now = now }).AssistantMask);
        }
        Assert.True(masks > 0 || !golden.GetProperty("template").GetString()!.Contains("generation %}", StringComparison.Ordinal));
    }

    [Fact]
    public void The_real_model_s_conversations_equal_the_reference()
    {
        var tokenizer = Tokenizer.FromFolder(Paths.Shared("goldens/smollm2/hf"));
        var encoder = ChatEncoder.Of(tokenizer)!;
        Assert.Equal([2], encoder.EndIds);
        foreach (var c in JsonDocument.Parse(File.ReadAllText(Paths.Shared("goldens/smollm2/chat.json"))).RootElement.GetProperty("cases").EnumerateArray())
        {
            Assert.Equal(c.GetProperty("text").GetString(), encoder.Render(Request(c)).Text);
            Assert.Equal(c.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32()), encoder.Encode(Request(c)));
        }
    }

    internal static ChatRequest Request(JsonElement chat)
    {
        JsonElement? Field(string name) => chat.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
        return new ChatRequest
        {
            Messages = Field("messages"), Tools = Field("tools"), Documents = Field("documents"),
            AddGenerationPrompt = Field("add_generation_prompt")?.GetBoolean() ?? false, ContinueFinalMessage = Field("continue_final_message")?.GetBoolean() ?? false,
            Variables = Field("variables") is { } v ? v.EnumerateObject().ToDictionary(p => p.Name, p => p.Value) : [],
        };
    }
}
