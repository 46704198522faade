namespace LowRank.Text.PreTokenizers;

/// <summary>Cuts a text into the words that the model sees one by one.</summary>
internal interface IPreTokenizer
{
    /// <summary>Adds the words of a part, in order; empty ones are left out.</summary>
    void Split(Slice part, WordList words);
}
