namespace LowRank.Training;

/// <summary>What reading text rows needs of a tokenizer.</summary>
/// <param name="Encode">Text and whether the tokenizer's own special tokens (such as a beginning mark) are added, to ids.</param>
/// <param name="EosId">The token that ends a text; null if there is none.</param>
/// <param name="VocabularySize">One more than the greatest id.</param>
public sealed record TokenEncoder(Func<string, bool, int[]> Encode, int? EosId, int VocabularySize);
