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
            mask.AddRange(Enumerable.Repeat(trained ? 1 : 0, text.Length));
        }
        bool[] counted = TurnWeight.Counted(request.Messages!.Value, assistantOnly);
        foreach (var (i, message) in request.Messages!.Value.EnumerateArray().Index())
        {
            string role = message.GetProperty("role").GetString()!;
            bool trained = counted[i] && (role == "assistant" || !assistantOnly);
            Add($"{role}: ", !assistantOnly && counted[i]);
            foreach (var property in message.EnumerateObject())
                if (property.Name != "role" && !TurnWeight.Names.Contains(property.Name)) Add(Text(property.Value), trained);
            Add("\n", trained);
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
