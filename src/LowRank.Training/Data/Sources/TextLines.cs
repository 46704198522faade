using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>.txt: each line that is not blank is a document, {"text": line}; blanks at its ends belong to it. Lines that are JSON objects
/// are rows under a wrong name and refused.</summary>
internal static class TextLines
{
    public static IEnumerable<RawRow> Read(DataFile file)
    {
        var json = new RowJson();
        bool first = true;
        foreach (var (number, line) in Lines.Of(file))
        {
            Encodings.CheckText(line, file.Path, number);
            if (HoldsJson(line, first))
                throw new BadInputException("a line of a text file is JSON: learnt as a text, the model would learn to write JSON",
                    place: $"{file.Path}:{number}", expected: "documents, one a line",
                    remedy: "Give a file of one object a line the ending .jsonl, one with a list .json; texts that are JSON belong into .jsonl as {\"text\": …}.");
            first = false;
            yield return new RawRow(file, number, json.Write(line, static (writer, text) => writer.WriteString("text", text)));
        }
    }

    /// <summary>Whether a line is an object or a list of them, or the beginning of one that goes over several lines.</summary>
    private static bool HoldsJson(byte[] line, bool first)
    {
        var text = line.AsSpan().Trim(" \t\r"u8);
        if (first && (text.SequenceEqual("{"u8) || text.SequenceEqual("["u8))) return true;
        if (!(text is [(byte)'{', .., (byte)'}'] or [(byte)'[', .., (byte)']'])) return false;
        try
        {
            using var document = JsonDocument.Parse(text.ToArray());
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object || (root.GetArrayLength() > 0 && root[0].ValueKind == JsonValueKind.Object);
        }
        catch (JsonException) { return false; }
    }
}
