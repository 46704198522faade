using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>A piece of a stream that moves forward: bytes are kept until they are given up; the piece grows with the longest row only.</summary>
internal sealed class Window(Stream stream, string path) : IDisposable
{
    private byte[] _bytes = new byte[1 << 16];
    private int _start, _end;
    private bool _ended, _afterReturn;

    /// <summary>The line of the first byte kept, counted from 1; lines end in LF, CR LF or CR.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>What has been read and not given up.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(_start, _end - _start);

    /// <summary>Reads on; false at the end of the file.</summary>
    /// <exception cref="BadInputException">More than the longest row is held already.</exception>
    public bool More()
    {
        if (_ended) return false;
        if (_end - _start >= FileKind.LongestRow)
            throw new BadInputException("a row is too long", $"over {FileKind.LongestRow >> 20} MiB", $"{path}:{Line}", $"at most {FileKind.LongestRow >> 20} MiB a row", "Is it one object a line?");
        if (_start > 0)
        {
            Bytes.CopyTo(_bytes);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _bytes.Length) Array.Resize(ref _bytes, _bytes.Length * 2);
        int read = stream.Read(_bytes, _end, _bytes.Length - _end);
        _ended = read == 0;
        _end += read;
        return !_ended;
    }

    /// <summary>Gives up the first bytes.</summary>
    public void Advance(int count)
    {
        var taken = _bytes.AsSpan(_start, count);
        _start += count;
        if (taken.IsEmpty) return;
        int returns = taken.Count((byte)'\r');
        Line += taken.Count((byte)'\n') + returns - (returns == 0 ? 0 : taken.Count("\r\n"u8)) - (_afterReturn && taken[0] == '\n' ? 1 : 0);
        _afterReturn = taken[^1] == '\r';
    }

    /// <summary>The next byte that is no JSON white space, which becomes the first; -1 at the end.</summary>
    public int SkipBlanks()
    {
        while (true)
        {
            int blanks = Bytes.IndexOfAnyExcept(" \t\r\n"u8);
            if (blanks >= 0)
            {
                Advance(blanks);
                return Bytes[0];
            }
            Advance(Bytes.Length);
            if (!More()) return -1;
        }
    }

    /// <summary>The byte at a place behind the first; -1 beyond the file's end.</summary>
    public int Peek(int at)
    {
        while (at >= Bytes.Length)
            if (!More()) return -1;
        return Bytes[at];
    }

    /// <summary>The length of the first line and of its end; a length of -1 where there is none.</summary>
    public (int Length, int End) FindLine()
    {
        for (int searched = 0; ;)
        {
            int end = Bytes[searched..].IndexOfAny((byte)'\n', (byte)'\r');
            if (end >= 0) return (searched + end, Bytes[searched + end] == '\r' && Peek(searched + end + 1) == '\n' ? 2 : 1);
            searched = Bytes.Length;
            if (!More()) return searched > 0 ? (searched, 0) : (-1, 0);
        }
    }

    public void Dispose() => stream.Dispose();
}
