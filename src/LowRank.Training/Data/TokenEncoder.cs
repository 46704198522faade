using LowRank.Text;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Training;

/// <summary>What reading text rows needs of a tokenizer; called from several threads at once.</summary>
/// <param name="Encode">Text and whether the tokenizer's own special tokens (such as a beginning mark) are added, to ids.</param>
/// <param name="EosId">The token that ends a text; null if there is none.</param>
/// <param name="VocabularySize">One more than the greatest id.</param>
public sealed record TokenEncoder(Func<string, bool, int[]> Encode, int? EosId, int VocabularySize)
{
    /// <summary>Further tokens that end a text or a turn: where a text ends with one of them, <see cref="EosId"/> is not put behind
    /// it.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>A conversation (turns with <see cref="TurnWeight"/> 0 are never marked), and whether only what the assistant says is
    /// marked, to tokens; null: there is no chat template.</summary>
    public Func<ChatRequest, bool, ChatTokens>? Chat { get; init; }

    /// <summary>Tells it apart from every other tokenizer and template, for the cache of tokenised data; null: nothing is cached.</summary>
    public string? Identity { get; init; }

    /// <summary>A text that begins a sequence, its beginning mark once.</summary>
    internal int[] Start(string text) => BeginningMark.Once(Encode, text);

    /// <summary>A text that is a sequence: beginning mark and end token once, also where the text has them already.</summary>
    internal int[] Whole(string text) => WithEnd(Start(text), text);

    /// <summary>Puts the end token behind the ids of a text that does not end with one, blanks aside.</summary>
    internal int[] WithEnd(int[] ids, string text)
    {
        bool Ends(int[] tokens) => tokens.Length > 0 && (tokens[^1] == EosId || EndIds.Contains(tokens[^1]));
        if (EosId is not { } eos || Ends(ids)) return ids;
        string trimmed = text.TrimEnd();
        return trimmed.Length > 0 && trimmed.Length < text.Length && Ends(Encode(trimmed, false)) ? ids : [.. ids, eos];
    }
}
