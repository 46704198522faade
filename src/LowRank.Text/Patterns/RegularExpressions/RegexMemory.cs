namespace LowRank.Text.Patterns;

/// <summary>
/// What is known of a text: at which places which instructions have failed for good, and in looks also succeeded. An instruction that is being tried is
/// open; it has failed once the matcher goes back behind the choice that it was tried from.
/// </summary>
internal sealed class RegexMemory
{
    private const long MostBits = 1L << 28;
    private const int KeptWords = 1 << 16;
    private ulong[] _failed = [], _succeeded = [];
    private long _width;
    private (long Bit, int Top)[] _open = [];

    /// <summary>Whether anything is remembered.</summary>
    public bool IsOn { get; private set; }
    /// <summary>How many instructions are being tried.</summary>
    public int Open { get; private set; }

    /// <summary>Forgets all.</summary>
    public void Forget()
    {
        IsOn = false;
        Open = 0;
    }

    /// <summary>Numbers that are held.</summary>
    public int Held => _failed.Length + _succeeded.Length + _open.Length;

    /// <summary>Keeps little memory for the texts to come.</summary>
    public void Trim()
    {
        if (_failed.Length > KeptWords) (_failed, _succeeded) = ([], []);
        if (_open.Length > KeptWords) _open = [];
    }

    /// <summary>Begins to remember, unless that would take too much memory.</summary>
    public void Begin(int instructions, int length)
    {
        _width = length + 1L;
        if (instructions * _width > MostBits) return;
        int words = (int)(instructions * _width / 64 + 1);
        if (_failed.Length < words) (_failed, _succeeded) = (new ulong[words], new ulong[words]);
        _failed.AsSpan(0, words).Clear();
        _succeeded.AsSpan(0, words).Clear();
        IsOn = true;
    }

    /// <summary>A new match: nothing is open.</summary>
    public void BeginMatch() => Open = 0;

    /// <summary>Whether an instruction is known to fail at a place.</summary>
    public bool Failed(int memo, int at) => Get(_failed, memo * _width + at);
    /// <summary>Whether it is known to lead to the end of its look.</summary>
    public bool Succeeded(int memo, int at) => Get(_succeeded, memo * _width + at);
    /// <summary>It fails.</summary>
    public void Fail(int memo, int at) => Set(_failed, memo * _width + at);
    /// <summary>It leads to the end of its look.</summary>
    public void Succeed(int memo, int at) => Set(_succeeded, memo * _width + at);

    /// <summary>Its last way is being tried, with the stack at this height.</summary>
    public void Try(int memo, int at, int top)
    {
        if (memo < 0) return;
        if (Open == _open.Length) Array.Resize(ref _open, Math.Max(64, 2 * Open));
        _open[Open++] = (memo * _width + at, top);
    }

    /// <summary>The matcher goes back to this height of the stack: what was tried from above it has failed.</summary>
    public void Close(int top)
    {
        while (Open > 0 && _open[Open - 1].Top > top) Set(_failed, _open[--Open].Bit);
    }

    /// <summary>Those opened since then are neither: an atomic group has ended.</summary>
    public void Drop(int open) => Open = Math.Min(Open, open);

    /// <summary>Those opened since then have succeeded.</summary>
    public void Succeed(int open)
    {
        while (Open > open) Set(_succeeded, _open[--Open].Bit);
    }

    private static bool Get(ulong[] bits, long bit) => (bits[bit >> 6] >> (int)(bit & 63) & 1) != 0;
    private static void Set(ulong[] bits, long bit) => bits[bit >> 6] |= 1UL << (int)(bit & 63);
}
