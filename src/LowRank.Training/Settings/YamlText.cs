using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace LowRank.Training;

/// <summary>YAML as a tree of JSON. What settings have no use for (several documents, tags, bytes that are no UTF-8) is refused, not passed
/// over.</summary>
internal static class YamlText
{
    private const int Deepest = 64, Frame = 2; // the stream and the document are levels as well
    private const string Lines = "`key: value` lines", TextTag = "tag:yaml.org,2002:str";

    /// <summary>Reads a file; relative paths in it stay as they are written (relative to the working folder).</summary>
    /// <param name="path">The file.</param>
    /// <param name="nothing">What is wrong with a key, in a line, that nothing stands behind; null: nothing is.</param>
    /// <exception cref="BadInputException">It is absent or no such file; the line is told.</exception>
    public static JsonObject File(string path, Func<string, int, BadInputException?>? nothing = null)
    {
        if (!System.IO.File.Exists(path)) throw new BadInputException("the settings file does not exist", place: path);
        string text = Decoded(path);
        try { return Root(text, path, nothing); }
        catch (YamlException e)
        {
            throw new BadInputException("the settings file is not valid YAML: " + e.Message,
                place: $"{path}:{TabLine(text) ?? e.Start.Line}", expected: Lines + ", indented by blanks", inner: e);
        }
        // The parser's, for some malformed flows, keys that are no plain words, and one key with and without a tag.
        catch (Exception e) when (e is InvalidOperationException or InvalidCastException or ArgumentException)
        {
            throw new BadInputException("the settings file is not valid YAML: " + e.Message, place: path, expected: Lines, inner: e);
        }
    }

    /// <summary>A value on its own; what is no YAML is a text.</summary>
    public static JsonNode? Value(string text)
    {
        try
        {
            var yaml = Load(text);
            return yaml.Documents.Count == 0 ? null : ToJson(yaml.Documents[0].RootNode);
        }
        catch (Exception e) when (e is YamlException or InvalidOperationException or InvalidCastException or ArgumentException)
        {
            return text;
        }
    }

    /// <summary>The documents of a text.</summary>
    /// <exception cref="YamlException">It is no YAML, or is nested so deep that reading it would take hours or the stack.</exception>
    public static YamlStream Load(string text)
    {
        var parser = new Parser(new StringReader(text));
        for (int depth = 0; parser.MoveNext();)
            if ((depth += parser.Current!.NestingIncrease) > Deepest + Frame)
                throw new YamlException(parser.Current.Start, parser.Current.End, $"values are nested more than {Deepest} deep");
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        return yaml;
    }

    private static JsonObject Root(string text, string path, Func<string, int, BadInputException?>? nothing)
    {
        var yaml = Load(text);
        if (yaml.Documents.Count == 0) return [];
        if (yaml.Documents.Count > 1)
            throw new BadInputException("the settings file holds several documents", $"{yaml.Documents.Count}",
                $"{path}:{yaml.Documents[1].RootNode.Start.Line}", "one",
                "Take out the lines `---`, or keep the documents in files of their own.");
        if (yaml.Documents[0].RootNode is YamlMappingNode map)
            foreach (var (key, value) in map.Children)
                if (value is YamlScalarNode { Style: ScalarStyle.Plain, Tag.IsEmpty: true, Value: null or "" }
                    && nothing?.Invoke(key.ToString(), (int)key.Start.Line) is { } error) throw error;
        return ToJson(yaml.Documents[0].RootNode) as JsonObject
            ?? throw new BadInputException("the settings file is no list of settings", place: path, expected: Lines);
    }

    private static string Decoded(string path)
    {
        byte[] bytes = System.IO.File.ReadAllBytes(path);
        try
        {
            // A mark at its start is no part of the text.
            var strict = new UTF8Encoding(false, throwOnInvalidBytes: true);
            using var reader = new StreamReader(new MemoryStream(bytes), strict, detectEncodingFromByteOrderMarks: true);
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException e)
        {
            int line = 1 + bytes.AsSpan(0, Math.Max(0, TextFile.WrongByte(bytes))).Count((byte)'\n');
            throw new BadInputException("the settings file is not UTF-8", place: $"{path}:{line}", expected: "UTF-8",
                remedy: "Save it as UTF-8.", inner: e);
        }
    }

    // The parser tells the line in which the mapping began.
    private static int? TabLine(string text)
    {
        int at = Array.FindIndex(text.Split('\n'), l => l.AsSpan(0, l.Length - l.AsSpan().TrimStart().Length).Contains('\t')
            && l.AsSpan().Trim().Length > 0);
        return at < 0 ? null : at + 1;
    }

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        { Tag: { IsEmpty: false, IsNonSpecific: false } tag } when tag.Value != TextTag
            => throw new BadInputException("tags are not known in settings", tag.Value, $"line {node.Start.Line}", "values without a tag"),
        YamlMappingNode map
            => new JsonObject(map.Children.Select(c => KeyValuePair.Create(((YamlScalarNode)c.Key).Value ?? "", ToJson(c.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(ToJson)]),
        YamlScalarNode { Style: ScalarStyle.Plain, Tag.IsEmpty: true } plain => Scalar(plain.Value ?? ""),
        YamlScalarNode quoted => JsonValue.Create(quoted.Value ?? ""),
        _ => throw new BadInputException("aliases are not supported in settings"),
    };

    private static JsonNode? Scalar(string text) => text switch
    {
        "" or "null" or "~" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => true,
        "false" or "False" or "FALSE" => false,
        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long l) => l,
        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double d) && double.IsFinite(d) => d,
        _ => text,
    };
}
