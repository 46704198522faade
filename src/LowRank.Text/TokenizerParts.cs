using LowRank.Tensors;
using LowRank.Text.AddedTokens;
using LowRank.Text.Decoders;
using LowRank.Text.Models;
using LowRank.Text.Normalizers;
using LowRank.Text.PostProcessors;
using LowRank.Text.PreTokenizers;

namespace LowRank.Text;

/// <summary>What a tokenizer is put together from, in the order in which a text meets it. Null: the step does nothing (decoder: tokens are joined by blanks).</summary>
internal sealed record TokenizerParts(
    IReadOnlyList<AddedToken> AddedTokens, INormalizer? Normalizer, IPreTokenizer? PreTokenizer, IModel Model,
    IPostProcessor? PostProcessor, IDecoder? Decoder, Truncation? Truncation = null, Padding? Padding = null);

/// <summary>The ids that play a role in every text.</summary>
internal sealed record RoleIds(int? Bos, IReadOnlyList<int> Eos, int? Pad)
{
    /// <summary>None named.</summary>
    public RoleIds() : this(null, [], null) { }

    /// <summary>Leaves out nothing, but refuses ids outside the vocabulary.</summary>
    public RoleIds Check(int vocabularySize)
    {
        foreach (int id in new[] { Bos, Pad }.OfType<int>().Concat(Eos))
            if ((uint)id >= (uint)vocabularySize) throw new BadInputException("a beginning, end or padding token lies outside the vocabulary", $"{id}", expected: $"an id below {vocabularySize}");
        return this;
    }
}
