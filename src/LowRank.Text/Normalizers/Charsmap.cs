using System.Buffers.Binary;
using LowRank.Tensors;

namespace LowRank.Text.Normalizers;

/// <summary>
/// SentencePiece's compiled normalization rules: a double array that finds byte strings, and what each becomes.
/// The whole array is walked once at the start, so that looking up needs no checks and always ends.
/// </summary>
internal sealed class Charsmap
{
    private const int LargestFile = 16 << 20, LongestReplacement = 4096;
    private readonly uint[] _units;
    private readonly byte[] _replacements;

    /// <summary>Takes the rules as they are stored: the array's size in bytes, the array, the replacements with a zero after each.</summary>
    /// <exception cref="BadInputException">They are not such rules.</exception>
    public Charsmap(ReadOnlySpan<byte> data, string place)
    {
        if (data.Length > LargestFile) throw Bad("is too large", place, $"{data.Length} bytes");
        uint size = data.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(data);
        if (size < 4 || size % 4 != 0 || size > data.Length - 4) throw Bad("ends before its table does", place, $"{data.Length} bytes");
        _units = new uint[size / 4];
        for (int i = 0; i < _units.Length; i++) _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(data[(4 + 4 * i)..]);
        _replacements = data[(4 + (int)size)..].ToArray();
        if (!System.Text.Unicode.Utf8.IsValid(_replacements)) throw Bad("holds text that is not UTF-8", place);
        Check(place);
    }

    /// <summary>The rules as tokenizer.json writes them, in base64.</summary>
    public static Charsmap FromBase64(string text, string place)
    {
        var bytes = new byte[text.Length / 4 * 3 + 3];
        return Convert.TryFromBase64String(text, bytes, out int length) ? new Charsmap(bytes.AsSpan(0, length), place) : throw Bad("is not base64", place);
    }

    /// <summary>The replacement of the shortest or of the longest rule that the text begins with; false where none fits.</summary>
    public bool TryFind(ReadOnlySpan<byte> text, bool longest, out int length, out ReadOnlySpan<byte> replacement)
    {
        length = 0;
        replacement = default;
        uint node = Offset(_units[0]);
        for (int i = 0; i < text.Length && text[i] != 0; i++)
        {
            uint at = node ^ text[i];
            if (at >= _units.Length || Label(_units[at]) != text[i]) break;
            node = at ^ Offset(_units[at]);
            if (!HasLeaf(_units[at])) continue;
            length = i + 1;
            replacement = Replacement(_units[node]);
            if (!longest) break;
        }
        return length > 0;
    }

    /// <summary>Whether a rule is this ASCII character or begins with it and more ASCII.</summary>
    public bool MayBegin(byte c)
    {
        uint at = Offset(_units[0]) ^ c;
        if (at >= _units.Length || Label(_units[at]) != c) return false;
        uint node = at ^ Offset(_units[at]);
        for (uint next = 1; next < 128; next++)
            if ((node ^ next) < _units.Length && Label(_units[node ^ next]) == next) return true;
        return HasLeaf(_units[at]);
    }

    private ReadOnlySpan<byte> Replacement(uint unit)
    {
        var rest = _replacements.AsSpan((int)(unit & 0x7FFFFFFF));
        int end = rest.IndexOf((byte)0);
        return end < 0 ? rest : rest[..end];
    }

    // Depth first; a node that is met again on the way down to itself is a cycle, one met elsewhere is shared and need not be looked at twice.
    private void Check(string place)
    {
        var states = new byte[_units.Length];
        var path = new Stack<(uint Node, int Next)>();
        Enter(Offset(_units[0]));
        while (path.TryPop(out var step))
        {
            int c = step.Next;
            while (c < 256 && ((step.Node ^ (uint)c) >= _units.Length || Label(_units[step.Node ^ (uint)c]) != c)) c++;
            if (c == 256) states[step.Node] = 2;
            else
            {
                path.Push((step.Node, c + 1));
                uint at = step.Node ^ (uint)c;
                Enter(at ^ Offset(_units[at]));
                if (HasLeaf(_units[at])) CheckReplacement(_units[at ^ Offset(_units[at])] & 0x7FFFFFFF, place);
            }
        }

        void Enter(uint node)
        {
            if (node >= _units.Length) throw Bad("points outside its table", place, $"{node}");
            if (states[node] == 1) throw Bad("goes round in circles", place);
            if (states[node] == 0)
            {
                states[node] = 1;
                path.Push((node, 1));
            }
        }
    }

    private void CheckReplacement(uint start, string place)
    {
        if (start > _replacements.Length) throw Bad("points outside its replacements", place, $"{start}");
        if (Replacement(start).Length > LongestReplacement) throw Bad("has a replacement without an end", place);
    }

    private static bool HasLeaf(uint unit) => (unit & 0x100) != 0;
    private static uint Label(uint unit) => unit & 0x800000FF;
    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private static BadInputException Bad(string problem, string place, string? value = null)
        => new($"the precompiled_charsmap {problem}", value, place, "the normalization rules of a SentencePiece model");
}
