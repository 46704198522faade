using LowRank.Text.Templates.Printing;

namespace LowRank.Text.Templates.Library;

/// <summary>str.split and str.rsplit.</summary>
internal static class Splitting
{
    /// <summary>Cuts at a separator; negative <paramref name="most"/>: everywhere.</summary>
    public static List<string> At(string text, string separator, int most, bool fromEnd)
    {
        if (!fromEnd || most < 0) return [.. text.Split(separator, most < 0 ? int.MaxValue : most == int.MaxValue ? most : most + 1)];
        List<string> parts = [];
        int end = text.Length;
        while (most-- > 0 && end >= separator.Length && text.LastIndexOf(separator, end - 1, end, StringComparison.Ordinal) is >= 0 and var at)
        {
            parts.Add(text[(at + separator.Length)..end]);
            end = at;
            if (end == 0) break;
        }
        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    /// <summary>Cuts at runs of blanks, without empty parts.</summary>
    public static List<string> AtBlanks(string text, int most, bool fromEnd)
    {
        List<string> parts = [];
        int start = 0, end = text.Length;
        if (fromEnd)
        {
            while (true)
            {
                while (end > 0 && PythonChar.IsSpace(text[end - 1])) end--;
                if (end == 0) break;
                start = most-- == 0 ? 0 : end;
                while (start > 0 && !PythonChar.IsSpace(text[start - 1])) start--;
                parts.Add(text[start..end]);
                end = start;
            }
            parts.Reverse();
            return parts;
        }
        while (true)
        {
            while (start < text.Length && PythonChar.IsSpace(text[start])) start++;
            if (start == text.Length) return parts;
            end = most-- == 0 ? text.Length : start;
            while (end < text.Length && !PythonChar.IsSpace(text[end])) end++;
            parts.Add(text[start..end]);
            start = end;
        }
    }
}
