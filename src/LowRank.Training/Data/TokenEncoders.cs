using System.Security.Cryptography;
using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Training;

/// <summary>The encoders of models' folders and files.</summary>
public static class TokenEncoders
{
    /// <summary>How texts are written for a model by the settings' template and the adapter that training begins with.</summary>
    /// <param name="modelPath">The model's folder or file.</param>
    /// <param name="settings">The run's.</param>
    public static TextConventions Texts(string modelPath, RunSettings settings)
        => TextConventions.Of(modelPath, settings.InitAdapter is { } adapter ? [adapter] : [], settings.ChatTemplate, "chat_template");

    /// <summary>The encoder of a model; null for one without a tokenizer: rows of token ids still work.</summary>
    /// <param name="texts">How its texts are written.</param>
    /// <param name="assistantTurns">The setting of that name.</param>
    public static TokenEncoder? Of(TextConventions texts, string assistantTurns)
    {
        if (texts.Tokenizer?.With() is not { } tokenizer) return null;
        int? end = tokenizer.EosId ?? (texts.EndIds is [var id, ..] ? id : null);
        return new TokenEncoder((text, special) => tokenizer.Encode(text, special), end, tokenizer.VocabularySize)
        {
            Chat = texts.Chat is null ? null : Chat(texts.Chat, assistantTurns == "last" ? AssistantTurns.Last : AssistantTurns.All),
            EndIds = texts.EndIds,
            Identity = string.Join(' ', Identity(texts.Model), end, texts.Identity, assistantTurns),
        };
    }

    private static Func<ChatRequest, bool, ChatTokens> Chat(ChatEncoder encoder, AssistantTurns turns)
        => (request, assistantOnly) =>
        {
            var unused = encoder.RefuseUnread(request);
            var tokens = request.AddGenerationPrompt ? encoder.Tokens(encoder.Render(encoder.Prepare(request)))
                : encoder.EncodeForTraining(request, assistantOnly, turns);
            return tokens with { Unused = unused };
        };

    /// <summary>A hash of all that a tokenizer is read from; its template is told by <see cref="TextConventions.Identity"/>.</summary>
    private static string Identity(string modelPath)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (Found.At(modelPath).Kind is FoundKind.GgufModel)
        {
            using var gguf = GgufFile.Open(modelPath);
            foreach (var (key, value) in gguf.Metadata)
                if (key.StartsWith("tokenizer.", StringComparison.Ordinal))
                    hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(new { key, value }));
        }
        else
            foreach (string file in Tokenizer.FilesOf(modelPath))
            {
                hash.AppendData(System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(file)));
                hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
            }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
