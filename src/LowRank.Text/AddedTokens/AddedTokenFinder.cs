using LowRank.Text.Normalizers;

namespace LowRank.Text.AddedTokens;

/// <summary>Cuts a text at its added tokens and normalizes what lies between them.</summary>
internal sealed class AddedTokenFinder
{
    private readonly TokenTrie _raw = new(), _normalized = new();
    private readonly INormalizer? _normalizer;
    private readonly Dictionary<string, AddedToken> _byContent = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _byId = [];

    /// <summary>Takes all tokens; those that are looked for in normalized text are normalized themselves. Of equal ones special tokens come first.</summary>
    public AddedTokenFinder(IReadOnlyList<AddedToken> tokens, INormalizer? normalizer)
    {
        _normalizer = normalizer;
        foreach (var token in tokens.Where(t => t.Special).Concat(tokens.Where(t => !t.Special)))
        {
            // A token that is looked for in normalized text is also shown as that text, as in the reference.
            string pattern = token.Normalized && normalizer is not null ? normalizer.Normalize(new Slice(token.Content)).Span.ToString() : token.Content;
            var shown = token with { Content = pattern };
            _byContent[token.Content] = shown;
            _byContent.TryAdd(pattern, shown);
            _byId[token.Id] = shown;
            if (pattern.Length > 0) (token.Normalized ? _normalized : _raw).Add(pattern, shown);
        }
        _raw.Finish();
        _normalized.Finish();
        Size = _byId.Count == 0 ? 0 : _byId.Keys.Max() + 1;
    }

    /// <summary>One past the largest id; 0 without tokens.</summary>
    public int Size { get; }
    /// <summary>The token of an id; null where it is the model's.</summary>
    public AddedToken? OfId(int id) => _byId.GetValueOrDefault(id);
    /// <summary>The token of a text; null where it is the model's.</summary>
    public AddedToken? OfContent(string content) => _byContent.GetValueOrDefault(content);

    /// <summary>Cuts a text into tokens and normalized parts, in order.</summary>
    public void Cut(string text, TextParts parts)
    {
        parts.Clear();
        Cut(new Slice(text), _raw, parts.Raw);
        foreach (var (part, token) in parts.Raw)
        {
            if (token is not null) parts.Final.Add((part, token));
            else Cut(_normalizer?.Normalize(part) ?? part, _normalized, parts.Final);
        }
    }

    private static void Cut(Slice part, TokenTrie trie, List<(Slice Part, AddedToken? Token)> result)
    {
        if (trie.IsEmpty || part.Length == 0)
        {
            result.Add((part, null));
            return;
        }
        var text = part.Span;
        int done = 0;
        for (int from = 0; trie.TryFind(text, from, out int start, out int end, out var token); )
        {
            from = end;
            if (token.SingleWord && TouchesWord(text, start, end)) continue;
            // Blanks that the token before has taken already stay with it.
            if (token.LStrip) start = Math.Max(BlanksBefore(text, start), done);
            if (token.RStrip) end = BlanksAfter(text, end);
            if (done < start) result.Add((part.Part(done, start), null));
            result.Add((part.Part(start, end), token));
            done = end;
        }
        if (done < text.Length) result.Add((part.Part(done, text.Length), null));
    }

    private static bool TouchesWord(ReadOnlySpan<char> text, int start, int end)
        => (start > 0 && Unicode.IsWord(Unicode.Before(text, start))) || (end < text.Length && Unicode.IsWord(Unicode.At(text, end, out _)));

    private static int BlanksBefore(ReadOnlySpan<char> text, int i)
    {
        while (i > 0 && Unicode.IsSpace(text[i - 1])) i--;
        return i;
    }

    private static int BlanksAfter(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && Unicode.IsSpace(text[i])) i++;
        return i;
    }
}

/// <summary>The parts of a text, before and after normalization; used again for every text of one thread.</summary>
internal sealed class TextParts
{
    /// <summary>Tokens and parts of the original.</summary>
    public List<(Slice Part, AddedToken? Token)> Raw { get; } = [];
    /// <summary>Tokens and parts of the normalized text.</summary>
    public List<(Slice Part, AddedToken? Token)> Final { get; } = [];

    /// <summary>Removes all.</summary>
    public void Clear()
    {
        Raw.Clear();
        Final.Clear();
    }
}
