using LowRank.Training;

namespace LowRank.Cli;

/// <summary>How a model's tokenizer is handed to the training room.</summary>
internal static class TokenEncoders
{
    /// <summary>The encoder of a model; null for one without a tokenizer: rows of token ids still work.</summary>
    public static TokenEncoder? Of(string modelPath, string? chatTemplate = null)
    {
        if (!Session.HasTokenizer(modelPath)) return null;
        var tokenizer = Session.TokenizerOf(modelPath);
        int? end = tokenizer.EosId ?? (Session.EndIds(modelPath) is [var id, ..] ? id : null);
        return new TokenEncoder((text, special) => tokenizer.Encode(text, special), end, tokenizer.VocabularySize);
    }
}
