using System.Security.Cryptography;
using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;
using LowRank.Training;

namespace LowRank.Cli;

/// <summary>How a model's tokenizer and chat template are handed to the training room.</summary>
internal static class TokenEncoders
{
    private const string NoTemplate = "none";
    private static readonly string[] Files =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model",
        "generation_config.json", "config.json",
    ];

    /// <summary>The encoder of a model; null for one without a tokenizer: rows of token ids still work.</summary>
    /// <param name="modelPath">The model.</param>
    /// <param name="settings">Which template and which of the assistant's turns; null: the model's and all.</param>
    public static TokenEncoder? Of(string modelPath, RunSettings? settings = null)
    {
        if (!Session.HasTokenizer(modelPath)) return null;
        settings ??= new RunSettings();
        var tokenizer = Session.TokenizerOf(modelPath);
        int? end = tokenizer.EosId ?? (Session.EndIds(modelPath) is [var id, ..] ? id : null);
        return new TokenEncoder((text, special) => tokenizer.Encode(text, special), end, tokenizer.VocabularySize)
        {
            Chat = Chat(tokenizer, settings),
            EndIds = Ends(modelPath, tokenizer, settings),
            Identity = string.Join(' ', Identity(modelPath), end, TemplateIdentity(tokenizer, settings.ChatTemplate), settings.AssistantTurns),
        };
    }

    /// <summary>Conversations to tokens; the template is parsed when the first conversation comes, so that one that nothing needs stops nothing.</summary>
    private static Func<LowRank.Text.Templates.ChatRequest, bool, ChatTokens>? Chat(Tokenizer tokenizer, RunSettings settings)
    {
        if (settings.ChatTemplate == NoTemplate || (settings.ChatTemplate is null && tokenizer.ChatTemplates.Count == 0)) return null;
        var encoder = new Lazy<ChatEncoder>(() => ChatEncoder.Of(tokenizer, settings.ChatTemplate)!);
        var turns = settings.AssistantTurns == "last" ? AssistantTurns.Last : AssistantTurns.All;
        return (request, assistantOnly) =>
        {
            encoder.Value.RefuseUnread(request);
            return request.AddGenerationPrompt ? encoder.Value.Tokens(encoder.Value.Render(encoder.Value.Prepare(request)))
                : encoder.Value.EncodeForTraining(request, assistantOnly, turns);
        };
    }

    /// <summary>The tokens that end texts or, by the chat template, turns; a faulty template is told by the conversation that needs
    /// it.</summary>
    private static IReadOnlyList<int> Ends(string modelPath, Tokenizer tokenizer, RunSettings settings)
    {
        IReadOnlyList<int> ends = [.. Session.EndIds(modelPath), .. tokenizer.EosIds];
        if (settings.ChatTemplate == NoTemplate) return ends;
        try { return [.. ends.Concat(ChatEncoder.Of(tokenizer, settings.ChatTemplate)?.EndIds ?? []).Distinct()]; }
        catch (BadInputException) { return ends; }
    }

    /// <summary>A hash of all that a tokenizer and its templates are read from.</summary>
    private static string Identity(string modelPath)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (Found.At(modelPath).Kind is FoundKind.GgufModel)
        {
            using var gguf = GgufFile.Open(modelPath);
            foreach (var (key, value) in gguf.Metadata)
                if (key.StartsWith("tokenizer.", StringComparison.Ordinal)) hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(new { key, value }));
        }
        else foreach (string file in File.Exists(modelPath) ? [modelPath] : Files.Select(f => Path.Combine(modelPath, f)).Where(File.Exists)) hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The templates' own text; where one asks for the date, the settings' date is part of the key anyway.</summary>
    private static string TemplateIdentity(Tokenizer tokenizer, string? choice)
    {
        if (choice is null or NoTemplate || tokenizer.ChatTemplates.ContainsKey(choice)) return JsonSerializer.Serialize(new { choice, templates = tokenizer.ChatTemplates.OrderBy(t => t.Key, StringComparer.Ordinal) });
        return File.Exists(choice) ? Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(choice))) : string.Join(' ', Tokenizer.ChatTemplatesOf(choice).OrderBy(t => t.Key, StringComparer.Ordinal));
    }
}
