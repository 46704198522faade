using System.Text.Json;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Training;

/// <summary>Stands in for a tokenizer where data are looked at without a model: a character a token, and messages under the names of their speakers.</summary>
public static class CharacterEncoder
{
    /// <summary>The encoder; every id is within its vocabulary, so that rows of ids pass as well.</summary>
    public static TokenEncoder Create() => new((text, _) => [.. text.Select(c => (int)c)], null, int.MaxValue) { Chat = Chat };

    private static ChatTokens Chat(ChatRequest request, bool assistantOnly)
    {
        List<int> ids = [], mask = [];
        void Add(string text, bool trained)
        {
            ids.AddRange(text.Select(c => (int)c));
            mask.AddRange(Enumerable.Repeat(trained || !assistantOnly ? 1 : 0, text.Length));
        }
        foreach (var message in request.Messages!.Value.EnumerateArray())
        {
            string role = message.GetProperty("role").GetString()!;
            Add($"{role}: ", false);
            foreach (var property in message.EnumerateObject())
                if (property.Name != "role") Add(Text(property.Value), role == "assistant");
            Add("\n", role == "assistant");
        }
        if (request.AddGenerationPrompt) Add("assistant: ", false);
        return new ChatTokens([.. ids], [.. mask], "");
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array => string.Concat(value.EnumerateArray().Select(part => part.ValueKind == JsonValueKind.Object && part.TryGetProperty("text", out var text) ? text.ToString() : part.ToString())),
        _ => value.ToString(),
    };
}
