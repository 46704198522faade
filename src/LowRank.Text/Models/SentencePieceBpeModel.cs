using System.Text;
using LowRank.Tensors;

namespace LowRank.Text.Models;

/// <summary>How a piece of a SentencePiece vocabulary takes part.</summary>
internal enum PieceKind
{
    /// <summary>Texts are cut into it.</summary>
    Normal = 1,
    /// <summary>Stands for what no piece covers.</summary>
    Unknown = 2,
    /// <summary>Never found in a text by the model.</summary>
    Control = 3,
    /// <summary>Found wherever it stands.</summary>
    UserDefined = 4,
    /// <summary>Merges may pass through it, but it is taken apart again.</summary>
    Unused = 5,
    /// <summary>A byte.</summary>
    Byte = 6,
}

/// <summary>A piece of a SentencePiece vocabulary; its place in the list is its id.</summary>
internal readonly record struct Piece(string Text, float Score, PieceKind Kind);

/// <summary>
/// Byte-pair encoding as SentencePiece does it, without a list of merges: of all neighbours that make a piece, the ones with the highest score are joined, leftmost first.
/// </summary>
internal sealed class SentencePieceBpeModel : IModel
{
    private static readonly Comparer<(float Score, int Left)> BestFirst
        = Comparer<(float Score, int Left)>.Create((a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Left.CompareTo(b.Left));
    private readonly IReadOnlyList<Piece> _pieces;
    private readonly Dictionary<string, int> _idOf = new(StringComparer.Ordinal);
    private readonly ByteVocabulary _mergeable;
    private readonly ByteTrie? _symbols;
    private readonly int[] _bytes = new int[256];
    private readonly int _unknown;
    private readonly bool _cutsAtBlanks;

    /// <summary>Makes the model.</summary>
    /// <param name="pieces">The vocabulary.</param>
    /// <param name="unknown">The unknown piece's id; -1: there is none.</param>
    /// <param name="byteFallback">Whether characters outside the vocabulary become bytes.</param>
    /// <param name="symbols">User-defined pieces, which are never joined with others; null where there are none.</param>
    public SentencePieceBpeModel(IReadOnlyList<Piece> pieces, int unknown, bool byteFallback, ByteTrie? symbols)
    {
        (_pieces, _unknown, _symbols) = (pieces, unknown, symbols);
        for (int id = pieces.Count - 1; id >= 0; id--) _idOf[pieces[id].Text] = id;
        var mergeable = pieces.Select((p, id) => (Piece: p, Id: id)).Where(p => p.Piece.Kind is PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused && p.Piece.Text.Length > 0).ToList();
        _mergeable = new ByteVocabulary([.. mergeable.Select(p => (System.Text.Encoding.UTF8.GetBytes(p.Piece.Text), p.Id))]);
        for (int b = 0; b < 256; b++) _bytes[b] = byteFallback ? _idOf.GetValueOrDefault($"<0x{b:X2}>", -1) : -1;
        _cutsAtBlanks = !mergeable.Any(p => CrossesBlank(p.Piece.Text));
    }

    /// <inheritdoc/>
    public int Size => _pieces.Count;
    /// <inheritdoc/>
    public int SelfNamedId => _unknown;
    /// <inheritdoc/>
    public int? IdOf(string token) => _idOf.TryGetValue(token, out int id) ? id : null;
    /// <inheritdoc/>
    public string? TokenOf(int id) => (uint)id < (uint)_pieces.Count ? _pieces[id].Text : null;

    /// <inheritdoc/>
    public int NextCut(ReadOnlySpan<char> word, int from)
    {
        if (!_cutsAtBlanks) return word.Length;
        int i = from + 1;
        while (i < word.Length && (word[i] != '\u2581' || word[i - 1] == '\u2581' || IsUnknown(word, i))) i++;
        return i;
    }

    /// <inheritdoc/>
    public void Tokenize(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        if (word.IsEmpty) return;
        var symbols = new Symbols(this, word);
        symbols.Join();
        bool afterUnknown = false;
        for (int i = 0; i < symbols.Count; i = symbols.Next(i)) Emit(word, symbols.Start(i), symbols.End(i), symbols, tokens, ref afterUnknown);
    }

    // Unknown neighbours are one token, so a cut between them would tell.
    private bool IsUnknown(ReadOnlySpan<char> word, int i)
    {
        Span<byte> bytes = stackalloc byte[4];
        int before = Unicode.Before(word, i);
        return _mergeable.Find(bytes[..new Rune(before).EncodeToUtf8(bytes)]) < 0 && _mergeable.Find("\u2581"u8) < 0;
    }

    private static bool CrossesBlank(string piece)
    {
        for (int i = 1; i < piece.Length; i++)
            if (piece[i] == '\u2581' && piece[i - 1] != '\u2581') return true;
        return false;
    }

    // A joined symbol's token; unused pieces fall apart into what they were joined from, unknown ones become bytes.
    private void Emit(ReadOnlySpan<byte> word, int start, int end, Symbols symbols, TokenBuffer tokens, ref bool afterUnknown)
    {
        int id = _mergeable.Find(word[start..end]);
        if (id >= 0 && _pieces[id].Kind == PieceKind.Unused && symbols.Halves(start, end) is > 0 and int middle)
        {
            Emit(word, start, middle, symbols, tokens, ref afterUnknown);
            Emit(word, middle, end, symbols, tokens, ref afterUnknown);
            return;
        }
        if (id >= 0) tokens.Add(id, end - start);
        else if (!TryBytes(word[start..end], tokens))
        {
            if (_unknown < 0) throw new BadInputException("the text has a character that no piece of the vocabulary covers, and there is no unknown token", System.Text.Encoding.UTF8.GetString(word[start..end]));
            if (afterUnknown) tokens.Lengthen(end - start);
            else tokens.Add(_unknown, end - start);
            afterUnknown = true;
            return;
        }
        afterUnknown = false;
    }

    private bool TryBytes(ReadOnlySpan<byte> text, TokenBuffer tokens)
    {
        foreach (byte b in text)
            if (_bytes[b] < 0) return false;
        foreach (byte b in text) tokens.Add(_bytes[b], 1);
        return true;
    }

    /// <summary>A word being joined: symbols in a linked list, and the pairs that wait, best first.</summary>
    private ref struct Symbols
    {
        private readonly SentencePieceBpeModel _model;
        private readonly ReadOnlySpan<byte> _word;
        private readonly int[] _starts, _next, _previous;
        private readonly bool[] _frozen;
        private readonly PriorityQueue<(int Left, int Length), (float Score, int Left)> _queue;
        private Dictionary<(int, int), int>? _halves;

        public Symbols(SentencePieceBpeModel model, ReadOnlySpan<byte> word)
        {
            _model = model;
            _word = word;
            (_starts, _next, _previous, _frozen) = (new int[word.Length + 1], new int[word.Length], new int[word.Length], new bool[word.Length]);
            for (int at = 0, length; at < word.Length; at += length, Count++)
            {
                (_starts[Count], _next[Count], _previous[Count]) = (at, Count + 1, Count - 1);
                if (model._symbols is null || model._symbols.Longest(word[at..], out length) < 0) Rune.DecodeFromUtf8(word[at..], out _, out length);
                else _frozen[Count] = true;
            }
            _starts[Count] = word.Length;
            _queue = new(Count, BestFirst);
        }

        public int Count { get; }
        public readonly int Next(int i) => _next[i];
        public readonly int Start(int i) => _starts[i];
        public readonly int End(int i) => _starts[_next[i]];

        // Where a piece was joined; 0 where it was not.
        public readonly int Halves(int start, int end) => _halves?.GetValueOrDefault((start, end)) ?? 0;

        public void Join()
        {
            for (int i = 0; i + 1 < Count; i++) Consider(i);
            while (_queue.TryDequeue(out var pair, out _))
            {
                int left = pair.Left, right = _next[left];
                // Stale once either neighbour has grown or has been swallowed.
                if (right < 0 || right >= Count || End(right) - _starts[left] != pair.Length) continue;
                _next[left] = _next[right];
                if (_next[right] < Count) _previous[_next[right]] = left;
                _next[right] = -1;
                if (_previous[left] >= 0) Consider(_previous[left]);
                Consider(left);
            }
        }

        private void Consider(int left)
        {
            int right = _next[left];
            if (right >= Count || _frozen[left] || _frozen[right]) return;
            int start = _starts[left], end = End(right);
            int id = _model._mergeable.Find(_word[start..end]);
            if (id < 0) return;
            _queue.Enqueue((left, end - start), (_model._pieces[id].Score, left));
            if (_model._pieces[id].Kind == PieceKind.Unused) (_halves ??= [])[(start, end)] = _starts[right];
        }
    }
}
