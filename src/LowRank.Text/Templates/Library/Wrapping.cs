using System.Text;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>textwrap.wrap of one line, which keeps tabs and other blanks as they are.</summary>
internal sealed class Wrapping(int width, bool breaksWords, bool breaksAtHyphens)
{
    private const string Blanks = "\t\n\v\f\r ";

    /// <summary>The lines, none longer than the width where that can be.</summary>
    public List<string> Lines(string text)
    {
        if (width <= 0) throw Fail.Runtime($"invalid width {width} (must be > 0)");
        var chunks = new Stack<string>(Chunks(text).AsEnumerable().Reverse());
        List<string> lines = [];
        while (chunks.Count > 0)
        {
            List<string> line = [];
            int length = 0;
            if (lines.Count > 0 && IsBlank(chunks.Peek())) chunks.Pop();
            while (chunks.TryPeek(out string? chunk) && length + Size(chunk) <= width)
            {
                line.Add(chunks.Pop());
                length += Size(chunk);
            }
            if (chunks.TryPeek(out string? next) && Size(next) > width) Long(chunks, line, length);
            if (line.Count > 0 && IsBlank(line[^1])) line.RemoveAt(line.Count - 1);
            if (line.Count > 0) lines.Add(string.Concat(line));
        }
        return lines;
    }

    private void Long(Stack<string> chunks, List<string> line, int length)
    {
        int room = width < 1 ? 1 : width - length;
        if (!breaksWords)
        {
            if (line.Count == 0) line.Add(chunks.Pop());
            return;
        }
        var chunk = new Str(chunks.Pop());
        int end = room;
        if (breaksAtHyphens && chunk.Length > room)
        {
            string head = chunk.Sub(0, room).Text;
            int hyphen = head.LastIndexOf('-');
            if (hyphen > 0 && head.AsSpan(0, hyphen).IndexOfAnyExcept('-') >= 0) end = new Str(head[..(hyphen + 1)]).Length;
        }
        line.Add(chunk.Sub(0, end).Text);
        chunks.Push(chunk.Sub(end, chunk.Length).Text);
    }

    /// <summary>Words and the blanks between them; words are cut behind hyphens between letters.</summary>
    private List<string> Chunks(string text)
    {
        List<string> chunks = [];
        var chunk = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (i > 0 && (IsBlank(text[i]) != IsBlank(text[i - 1]) || (breaksAtHyphens && CutsBefore(text, i))))
            {
                chunks.Add(chunk.ToString());
                chunk.Clear();
            }
            chunk.Append(text[i]);
        }
        if (chunk.Length > 0) chunks.Add(chunk.ToString());
        return chunks;
    }

    /// <summary>Whether a word can be cut before a place: behind a hyphen with letters around it, or around a dash.</summary>
    private static bool CutsBefore(string text, int i)
    {
        if (IsBlank(text[i])) return false;
        bool dashBehind = Dashes(text, i) >= 2, dashBefore = text[i - 1] == '-' && text[i] != '-' && Dashes(text, Start(text, i - 1)) >= 2;
        if (dashBehind && text[i - 1] != '-' && IsWordOrMark(text[i - 1])) return i + Dashes(text, i) < text.Length && PythonChar.IsWord(text, i + Dashes(text, i));
        if (dashBefore) return PythonChar.IsWord(text, i);
        return text[i - 1] == '-' && i >= 3 && IsLetter(text, i - 2) && IsLetter(text, i - 3) && i + 1 < text.Length && IsLetter(text, i) && (IsLetter(text, i + 1) || (text[i + 1] == '-' && i + 2 < text.Length && IsLetter(text, i + 2)));
    }

    private static int Dashes(string text, int i)
    {
        int count = 0;
        while (i + count < text.Length && text[i + count] == '-') count++;
        return count;
    }

    private static int Start(string text, int i)
    {
        while (i > 0 && text[i - 1] == '-') i--;
        return i;
    }

    private static bool IsWordOrMark(char c) => char.IsLetterOrDigit(c) || "_!\"'&.,?".Contains(c);
    private static bool IsLetter(string text, int i) => PythonChar.IsWord(text, i) && !char.IsDigit(text[i]);
    private static bool IsBlank(char c) => Blanks.Contains(c);
    private static bool IsBlank(string text) => text.AsSpan().Trim(Blanks).IsEmpty;
    private static int Size(string text) => new Str(text).Length;
}
