using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Training;

/// <summary>What reading text rows needs of a tokenizer; called from several threads at once.</summary>
/// <param name="Encode">Text and whether the tokenizer's own special tokens (such as a beginning mark) are added, to ids.</param>
/// <param name="EosId">The token that ends a text; null if there is none.</param>
/// <param name="VocabularySize">One more than the greatest id.</param>
public sealed record TokenEncoder(Func<string, bool, int[]> Encode, int? EosId, int VocabularySize)
{
    /// <summary>A conversation, and whether only what the assistant says is marked, to tokens; null: there is no chat template.</summary>
    public Func<ChatRequest, bool, ChatTokens>? Chat { get; init; }

    /// <summary>Tells it apart from every other tokenizer and template, for the cache of tokenised data; null: nothing is cached.</summary>
    public string? Identity { get; init; }
}
