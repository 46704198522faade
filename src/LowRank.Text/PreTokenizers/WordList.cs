namespace LowRank.Text.PreTokenizers;

/// <summary>Words of a text, and room to work in; used again for every text of one thread.</summary>
internal sealed class WordList
{
    private Slice[] _words = new Slice[64];
    private WordList? _spare;

    /// <summary>How many words there are.</summary>
    public int Count { get; private set; }
    /// <summary>How many words there is room for.</summary>
    public int Room => _words.Length;
    /// <summary>The words.</summary>
    public ReadOnlySpan<Slice> Words => _words.AsSpan(0, Count);
    /// <summary>Room for a pattern's matches.</summary>
    public List<(int Start, int End)> Matches { get; } = [];
    /// <summary>Another list, for a step in between.</summary>
    public WordList Spare => _spare ??= new WordList();

    /// <summary>A word.</summary>
    public Slice this[int index]
    {
        get => _words[index];
        set => _words[index] = value;
    }

    /// <summary>Removes all.</summary>
    public void Clear() => Count = 0;

    /// <summary>Appends a word.</summary>
    public void Add(Slice word)
    {
        if (Count == _words.Length) Array.Resize(ref _words, 2 * Count);
        _words[Count++] = word;
    }

    /// <summary>Appends units [start, end) of a part, unless there are none.</summary>
    public void Add(Slice part, int start, int end)
    {
        if (end > start) Add(part.Part(start, end));
    }
}
