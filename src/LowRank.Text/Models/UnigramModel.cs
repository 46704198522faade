using LowRank.Tensors;

namespace LowRank.Text.Models;

/// <summary>What a Unigram model says besides its pieces.</summary>
/// <param name="UnknownId">What stands for characters that no piece covers; null: they are an error.</param>
/// <param name="ByteFallback">They become `&lt;0xNN&gt;` tokens instead, where the vocabulary has all they need.</param>
/// <param name="MinimumScore">The lowest score, ten above that of an unknown character; null: that of all pieces.</param>
/// <param name="SinglePrecision">Sums are rounded to 32 bits, as SentencePiece keeps them.</param>
internal sealed record UnigramOptions(int? UnknownId, bool ByteFallback = false, double? MinimumScore = null, bool SinglePrecision = false);

/// <summary>Cuts a word into the pieces whose scores (log-probabilities) sum highest, in time linear in the word.</summary>
internal sealed class UnigramModel : IModel
{
    private const double UnknownPenalty = 10;
    [ThreadStatic] private static Lattice? _lattice;
    private readonly string[] _tokens;
    private readonly double[] _scores;
    private readonly Dictionary<string, int> _idOf = new(StringComparer.Ordinal);
    private readonly ByteTrie _pieces;
    private readonly int _longest;
    private readonly UnigramOptions _options;
    private readonly double _unknownScore;
    private readonly int[] _bytes = new int[256];

    /// <summary>Makes the model.</summary>
    /// <param name="pieces">Each id's token and score, and whether the text is cut into it.</param>
    /// <param name="options">The rest.</param>
    public UnigramModel(IReadOnlyList<(string Token, double Score, bool Matches)> pieces, UnigramOptions options)
    {
        _options = options;
        (_tokens, _scores) = ([.. pieces.Select(p => p.Token)], [.. pieces.Select(p => p.Score)]);
        for (int id = 0; id < _tokens.Length; id++) _idOf[_tokens[id]] = id;
        _pieces = new ByteTrie(pieces.Select((p, id) => (p, id)).Where(p => p.p.Matches).Select(p => (System.Text.Encoding.UTF8.GetBytes(p.p.Token), p.id)));
        _longest = pieces.Count == 0 ? 0 : pieces.Max(p => System.Text.Encoding.UTF8.GetByteCount(p.Token));
        _unknownScore = (options.MinimumScore ?? (pieces.Count == 0 ? 0 : pieces.Min(p => p.Score))) - UnknownPenalty;
        if (options.SinglePrecision) _unknownScore = (float)_unknownScore;
        for (int b = 0; b < 256; b++) _bytes[b] = options.ByteFallback ? _idOf.GetValueOrDefault($"<0x{b:X2}>", -1) : -1;
    }

    /// <inheritdoc/>
    public int Size => _tokens.Length;
    /// <inheritdoc/>
    public int SelfNamedId => _options.UnknownId ?? -1;
    /// <inheritdoc/>
    public int? IdOf(string token) => _idOf.TryGetValue(token, out int id) ? id : null;
    /// <inheritdoc/>
    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <inheritdoc/>
    public void Tokenize(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        var lattice = _lattice ??= new Lattice();
        lattice.Begin(word.Length);
        Fill(word, lattice);
        lattice.Trace(word.Length, _options.UnknownId ?? -1);
        for (int i = lattice.Count - 1; i >= 0; i--)
        {
            var (start, end, id) = lattice[i];
            if (id == _options.UnknownId) AddUnknown(word[start..end], tokens);
            else tokens.Add(id, end - start);
        }
        lattice.End();
    }

    // best[i] holds the best way to cover the word's first i bytes.
    private void Fill(ReadOnlySpan<byte> word, Lattice lattice)
    {
        var best = lattice.Best;
        for (int start = 0, length; start < word.Length; start += length)
        {
            length = Math.Min(word[start] switch { < 0x80 => 1, < 0xE0 => 2, < 0xF0 => 3, _ => 4 }, word.Length - start);
            double before = best[start].Score;
            bool covered = false;
            int node = _pieces.First(word[start]);
            for (int end = start + 1; node != 0; end++)
            {
                if (_pieces.ValueAt(node) is >= 0 and int id)
                {
                    Offer(ref best[end], _scores[id] + before, start, id);
                    covered |= end - start == length;
                }
                if (end == word.Length) break;
                node = _pieces.Next(node, word[end]);
            }
            if (!covered) Offer(ref best[start + length], _unknownScore + before, start, _options.UnknownId ?? throw Uncovered(word.Slice(start, length)));
        }
    }

    private void Offer(ref Node node, double score, int start, int id)
    {
        if (node.Start >= 0 && score <= node.Score) return;
        node = new Node(_options.SinglePrecision ? (float)score : score, start, id);
    }

    // Unknown neighbours are one token, unless together they happen to be a piece.
    private void AddUnknown(ReadOnlySpan<byte> text, TokenBuffer tokens)
    {
        if (text.Length <= _longest && _pieces.Find(text) is >= 0 and int whole) tokens.Add(whole, text.Length);
        else if (!_options.ByteFallback || !AllBytes(text)) tokens.Add(_options.UnknownId!.Value, text.Length);
        else
            for (int i = 0; i < text.Length; i++) tokens.Add(_bytes[text[i]], i == 0 ? text.Length : 0); // they share the place of the whole
    }

    private bool AllBytes(ReadOnlySpan<byte> text)
    {
        foreach (byte b in text)
            if (_bytes[b] < 0) return false;
        return true;
    }

    private static BadInputException Uncovered(ReadOnlySpan<byte> character)
        => new("the text has a character that no piece of the vocabulary covers, and the model names no unknown token", System.Text.Encoding.UTF8.GetString(character));

    private record struct Node(double Score, int Start, int Id);

    /// <summary>One thread's working memory, used again for every word.</summary>
    private sealed class Lattice
    {
        private const int LargestKept = 1 << 20;
        private readonly List<(int Start, int End, int Id)> _path = [];

        public Node[] Best { get; private set; } = new Node[256];
        public int Count => _path.Count;
        public (int Start, int End, int Id) this[int i] => _path[i];

        public void Begin(int length)
        {
            if (Best.Length <= length) Best = new Node[Math.Max(2 * Best.Length, length + 1)];
            Best.AsSpan(0, length + 1).Fill(new Node(0, -1, -1));
        }

        // From the end to the start, unknown neighbours joined.
        public void Trace(int length, int unknown)
        {
            _path.Clear();
            for (int end = length; end > 0; end = Best[end].Start)
            {
                var (_, start, id) = Best[end];
                if (id == unknown && _path.Count > 0 && _path[^1].Id == unknown) _path[^1] = (start, _path[^1].End, id);
                else _path.Add((start, end, id));
            }
        }

        public void End()
        {
            if (Best.Length > LargestKept) Best = new Node[256];
        }
    }
}
