using System.Text;
using System.Text.Json;

namespace LowRank.Training;

/// <summary>.txt: each line that is not blank is a document, {"text": line}; blanks at its ends belong to it.</summary>
internal static class TextLines
{
    public static IEnumerable<RawRow> Read(DataFile file)
    {
        var json = new RowJson();
        foreach (var (number, line) in Lines.Of(file))
        {
            Encodings.CheckText(line, file.Path, number);
            yield return new RawRow(file, number, json.Write(line, static (writer, text) => writer.WriteString("text", text)));
        }
    }
}
