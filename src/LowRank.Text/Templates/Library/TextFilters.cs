using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Filters that change or look at text.</summary>
internal static class TextFilters
{
    private const string WordStarts = "-([{<";

    public static readonly Builtin[] All =
    [
        Method("upper", ""),
        Method("lower", ""),
        Method("capitalize", ""),
        new("title", "", (run, v, _) => Mapped(run, v, Title)),
        new("trim", "chars=", (run, v, a) => Soft(v, run) is var s ? new Str(StringMethods.Strip(s.Text, a[0], true, true), s.IsMarkup) : s),
        new("center", "width=", (run, v, a) => StringMethods.Table["center"].Call(run, Soft(v, run), new([a[0] ?? Int.Of(80)]))),
        new("replace", "old, new, count=", Replace),
        new("string", "", (run, v, _) => Soft(v, run)),
        new("wordcount", "", (run, v, _) => Int.Of(Words(Soft(v, run).Text))),
        new("format", "*args, **kwargs", Format),
        new("escape", "", (run, v, _) => Markup.Escape(v, run)),
        new("e", "", (run, v, _) => Markup.Escape(v, run)),
        new("forceescape", "", (run, v, _) => Markup.Force(PythonText.Of(v, run), run)),
        new("safe", "", (run, v, _) => new Str(PythonText.Of(v, run), true)),
    ];

    /// <summary>The value as text; escaped text stays escaped.</summary>
    public static Str Soft(Value value, Run run) => value as Str ?? new Str(PythonText.Of(value, run));

    private static Builtin Method(string name, string parameters) => new(name, parameters, (run, v, a) => StringMethods.Table[name].Call(run, Soft(v, run), Arguments.None));

    private static Str Mapped(Run run, Value value, Func<string, string> map)
    {
        var text = Soft(value, run);
        run.Charge(text.Weight);
        return new Str(map(text.Text), text.IsMarkup);
    }

    /// <summary>Capitals behind blanks, hyphens and opening brackets, the rest in lower case.</summary>
    private static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length;)
        {
            int start = i;
            while (i < text.Length && (PythonChar.IsSpace(text[i]) || WordStarts.Contains(text[i]))) i++;
            title.Append(text, start, i - start);
            if (i == text.Length) break;
            start = i;
            while (i < text.Length && !PythonChar.IsSpace(text[i]) && !WordStarts.Contains(text[i])) i++;
            string word = text[start..i];
            int first = word.Length > 1 && char.IsSurrogatePair(word[0], word[1]) ? 2 : 1;
            title.Append(Casing.Upper(word[..first])).Append(Casing.Lower(word[first..]));
        }
        return title.ToString();
    }

    private static Value Replace(Run run, Value value, Value?[] a)
    {
        int count = a[2] is null or None ? -1 : StringMethods.Whole(a[2], -1);
        if (!run.AutoEscape) return StringMethods.Replace(run, new Str(PythonText.Of(value, run)), PythonText.Of(a[0]!, run), PythonText.Of(a[1]!, run), count);
        var text = a[0] is Str { IsMarkup: true } || (a[1] is Str { IsMarkup: true } && value is not Str { IsMarkup: true }) ? Markup.Escape(value, run) : Soft(value, run);
        return StringMethods.Table["replace"].Call(run, text, new([Soft(a[0]!, run), Soft(a[1]!, run), Int.Of(count)]));
    }

    private static int Words(string text)
    {
        int count = 0;
        bool inWord = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsLowSurrogate(text[i])) continue;
            bool isWord = PythonChar.IsWord(text, i);
            if (isWord && !inWord) count++;
            inWord = isWord;
        }
        return count;
    }

    private static Str Format(Run run, Value value, Value?[] a)
    {
        var (positional, named) = ((TupleValue)a[0]!, (DictValue)a[1]!);
        if (positional.IsTrue && named.IsTrue) throw Fail.Runtime("can't handle positional and keyword arguments at the same time");
        return PercentFormat.Apply(run, Soft(value, run), named.IsTrue ? named : positional);
    }
}
