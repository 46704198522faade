namespace LowRank.Text.PostProcessors;

/// <summary>A special token that a post-processor adds.</summary>
internal readonly record struct SpecialToken(string Content, int Id)
{
    /// <summary>It alone, as part of an encoding.</summary>
    public EncodingPart Part(int typeId) => EncodingPart.Special([Id], [Content], typeId);
}

/// <summary>BERT's: [CLS] A [SEP] B [SEP].</summary>
internal sealed class BertPostProcessor(SpecialToken begin, SpecialToken separator) : IPostProcessor
{
    /// <inheritdoc/>
    public IReadOnlyList<EncodingPart> Process(IReadOnlyList<EncodingPart> parts, bool addSpecialTokens)
    {
        if (!addSpecialTokens) return parts;
        var result = new List<EncodingPart>();
        for (int i = 0; i < parts.Count; i++)
        {
            if (i == 0) result.Add(begin.Part(0));
            result.AddRange([parts[i], separator.Part(i == 0 ? 0 : 1)]);
        }
        return result;
    }
}

/// <summary>RoBERTa's: &lt;s> A &lt;/s> &lt;/s> B &lt;/s>, every type 0; takes the blanks out of offsets if asked to.</summary>
internal sealed class RobertaPostProcessor(SpecialToken begin, SpecialToken separator, bool trimOffsets, bool addPrefixSpace) : IPostProcessor
{
    private readonly ByteLevelPostProcessor _trimming = new(trimOffsets, addPrefixSpace);

    /// <inheritdoc/>
    public IReadOnlyList<EncodingPart> Process(IReadOnlyList<EncodingPart> parts, bool addSpecialTokens)
    {
        var result = new List<EncodingPart>();
        foreach (var part in _trimming.Process(parts, addSpecialTokens))
        {
            if (addSpecialTokens) result.Add((result.Count == 0 ? begin : separator).Part(0));
            result.Add(part.WithType(0));
            if (addSpecialTokens) result.Add(separator.Part(0));
        }
        return result;
    }
}
