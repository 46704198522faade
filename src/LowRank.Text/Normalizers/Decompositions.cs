using System.Globalization;

namespace LowRank.Text.Normalizers;

/// <summary>The Unicode tables behind normalization: what each character consists of, what composes, how marks are ordered.</summary>
internal static class Decompositions
{
    private const int HangulBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7, LCount = 19, VCount = 21, TCount = 28;
    private static readonly Dictionary<int, int[]> Canonical = [], Compatible = [];
    private static readonly Dictionary<(int, int), int> Composed = [];
    private static readonly Dictionary<int, byte> Classes = [];
    private static readonly HashSet<int> ChangedByComposing = [];

    static Decompositions()
    {
        using var reader = new StreamReader(typeof(Decompositions).Assembly.GetManifestResourceStream("decompositions.txt")!);
        while (reader.ReadLine() is { } line)
            if (line[0] != '#') ReadLine(line);
        for (int c = VBase; c < VBase + VCount; c++) ChangedByComposing.Add(c);
        for (int c = TBase + 1; c < TBase + TCount; c++) ChangedByComposing.Add(c);
    }

    /// <summary>Canonical_Combining_Class: 0 for a character that marks attach to.</summary>
    public static int Class(int c) => c < 0x300 ? 0 : Classes.GetValueOrDefault(c);

    /// <summary>Whether composing could change a text that holds the character; if it holds none such, it is NFC already.</summary>
    public static bool MayChange(int c) => c >= 0x300 && ChangedByComposing.Contains(c);

    /// <summary>Appends the full decomposition of a character.</summary>
    public static void Decompose(int c, bool compatible, List<int> result)
    {
        if (c is >= HangulBase and < HangulBase + LCount * VCount * TCount)
        {
            int index = c - HangulBase;
            result.Add(LBase + index / (VCount * TCount));
            result.Add(VBase + index % (VCount * TCount) / TCount);
            if (index % TCount != 0) result.Add(TBase + index % TCount);
        }
        else if (c >= 0xA0 && (Canonical.TryGetValue(c, out var parts) || (compatible && Compatible.TryGetValue(c, out parts))))
            foreach (int part in parts) Decompose(part, compatible, result);
        else result.Add(c);
    }

    /// <summary>The character that two compose to; -1 where they do not.</summary>
    public static int Compose(int first, int second)
    {
        if (first is >= LBase and < LBase + LCount && second is >= VBase and < VBase + VCount)
            return HangulBase + ((first - LBase) * VCount + second - VBase) * TCount;
        if (first is >= HangulBase and < HangulBase + LCount * VCount * TCount && (first - HangulBase) % TCount == 0 && second is > TBase and < TBase + TCount)
            return first + second - TBase;
        return Composed.GetValueOrDefault((first, second), -1);
    }

    private static void ReadLine(string line)
    {
        int semicolon = line.IndexOf(';', StringComparison.Ordinal);
        string key = line[..semicolon], value = line[(semicolon + 1)..];
        if (value[0] == '=')
        {
            int dash = key.IndexOf('-', StringComparison.Ordinal);
            for (int c = Hex(key[..dash]); c <= Hex(key[(dash + 1)..]); c++)
            {
                Classes[c] = byte.Parse(value[1..], CultureInfo.InvariantCulture);
                ChangedByComposing.Add(c);
            }
            return;
        }
        int[] parts = [.. value.TrimStart('!', '<').Split(' ').Select(Hex)];
        (value[0] == '<' ? Compatible : Canonical)[Hex(key)] = parts;
        if (value[0] == '!') ChangedByComposing.Add(Hex(key));
        else if (value[0] != '<')
        {
            Composed[(parts[0], parts[1])] = Hex(key);
            ChangedByComposing.Add(parts[1]);
        }
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
