namespace LowRank.Text.PostProcessors;

/// <summary>One item of a template: a sequence (0 or 1) or the ids of a special token, with the type id it gives.</summary>
/// <param name="Sequence">0 for A, 1 for B; null for a special token.</param>
/// <param name="Ids">The special token's ids.</param>
/// <param name="Tokens">The special token's tokens.</param>
/// <param name="TypeId">The type id.</param>
internal sealed record TemplateItem(int? Sequence, IReadOnlyList<int> Ids, IReadOnlyList<string> Tokens, int TypeId);

/// <summary>Puts special tokens around the sequences as a template says.</summary>
internal sealed class TemplatePostProcessor(IReadOnlyList<TemplateItem> single, IReadOnlyList<TemplateItem> pair) : IPostProcessor
{
    /// <summary>Every text of its own between the same tokens; <paramref name="between"/> ends the first of a pair.</summary>
    public static TemplatePostProcessor Around(IReadOnlyList<TemplateItem> before, IReadOnlyList<TemplateItem> between, IReadOnlyList<TemplateItem> after)
    {
        TemplateItem a = new(0, [], [], 0), b = new(1, [], [], 0);
        return new TemplatePostProcessor([.. before, a, .. after], [.. before, a, .. between, .. before, b, .. after]);
    }

    /// <inheritdoc/>
    public IReadOnlyList<EncodingPart> Process(IReadOnlyList<EncodingPart> parts, bool addSpecialTokens)
    {
        var result = new List<EncodingPart>();
        foreach (var item in parts.Count > 1 ? pair : single)
        {
            if (item.Sequence is { } sequence) result.Add(parts[sequence].WithType(item.TypeId));
            else if (addSpecialTokens) result.Add(EncodingPart.Special(item.Ids, item.Tokens, item.TypeId));
        }
        return result;
    }
}
