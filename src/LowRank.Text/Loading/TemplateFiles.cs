using System.Text;
using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Text;

/// <summary>
/// The chat templates of a folder or a GGUF file, by name; the usual one is "default". Template files stand in for all that tokenizer_config.json has, as in Transformers.
/// </summary>
internal static class TemplateFiles
{
    /// <summary>The file of the usual template, and the folder of further ones.</summary>
    public const string Single = "chat_template.jinja", More = "additional_chat_templates";
    private const string Default = TemplateChoice.Default, Key = "tokenizer.chat_template";
    private const long MostBytes = 4 << 20;

    /// <summary>A folder's; an adapter's folder may have some too.</summary>
    public static Dictionary<string, TemplateText> OfFolder(string folder)
    {
        var templates = new Dictionary<string, TemplateText>(StringComparer.Ordinal);
        string single = Path.Combine(folder, Single), more = Path.Combine(folder, More);
        if (File.Exists(single)) templates[Default] = new(ReadText(single), single);
        if (Directory.Exists(more))
            foreach (string file in Directory.EnumerateFiles(more, "*.jinja").Order(StringComparer.Ordinal))
                templates[Path.GetFileNameWithoutExtension(file)] = new(ReadText(file), file);
        return templates.Count > 0 ? templates : OfConfig(folder);
    }

    /// <summary>Writes the usual template, and the one for requests with tools if that is another, in place of all that is there.</summary>
    public static void Write(string folder, TemplateChoice choice)
    {
        AtomicFile.WriteText(Path.Combine(folder, Single), choice.Template.Source);
        string more = Path.Combine(folder, More);
        string[] others = Directory.Exists(more) ? Directory.GetFiles(more, "*.jinja") : [];
#pragma warning disable RS0030 // copies, in a folder that is being made
        foreach (string other in others) File.Delete(other);
#pragma warning restore RS0030
        if (choice.WithTools is { } tools) AtomicFile.WriteText(Path.Combine(more, TemplateChoice.Tools + ".jinja"), tools.Source);
    }

    /// <summary>Those of a GGUF file's metadata; <paramref name="file"/> is what their places begin with.</summary>
    public static Dictionary<string, TemplateText> OfGguf(IReadOnlyDictionary<string, object> metadata, string? file)
    {
        var templates = new Dictionary<string, TemplateText>(StringComparer.Ordinal);
        foreach (var (key, value) in metadata)
        {
            string? name = key == Key ? Default : key.StartsWith(Key + ".", StringComparison.Ordinal) ? key[(Key.Length + 1)..] : null;
            if (name is null) continue;
            string place = file is null ? key : $"{file}: {key}";
            string text = value as string
                ?? throw new BadInputException("the value has the wrong type", place: place, expected: "a string");
            templates[name] = new(text, place);
        }
        return templates;
    }

    /// <summary>The special tokens that a GGUF file's metadata names by their ids, by the names that templates know.</summary>
    public static Dictionary<string, JsonElement> SpecialTokens(IReadOnlyDictionary<string, object> metadata, Func<int, string?> tokenOf)
    {
        (string Key, string Name)[] roles = [("bos", "bos"), ("eos", "eos"), ("unknown", "unk"), ("padding", "pad"), ("seperator", "sep"), ("cls", "cls"), ("mask", "mask")];
        var tokens = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (key, name) in roles)
            if (metadata.TryGetValue($"tokenizer.ggml.{key}_token_id", out var value) && value is IConvertible and not string && Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture) is >= 0 and <= int.MaxValue and var id && tokenOf((int)id) is { } text)
                tokens[name + "_token"] = JsonSerializer.SerializeToElement(text);
        return tokens;
    }

    /// <summary>A template file's text.</summary>
    public static string ReadText(string path)
    {
        try
        {
            if (!File.Exists(path)) throw new BadInputException("the file does not exist", place: path);
            if (new FileInfo(path).Length > MostBytes) throw new BadInputException("the chat template is too large", $"{new FileInfo(path).Length} bytes", path, $"at most {MostBytes}");
            var bytes = File.ReadAllBytes(path);
            StandIn.Refuse(path, bytes);
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
        }
        catch (ArgumentException e) { throw new BadInputException("the chat template is not UTF-8", place: path, inner: e); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new BadInputException($"the file cannot be read: {e.Message}", place: path, inner: e); }
    }

    // One text, or a list of {name, template}.
    private static Dictionary<string, TemplateText> OfConfig(string folder)
    {
        var templates = new Dictionary<string, TemplateText>(StringComparer.Ordinal);
        if (SpecialTokenFiles.Open(folder, "tokenizer_config.json") is not { } config || config["chat_template"] is not { IsNull: false } node) return templates;
        if (node.Element.ValueKind == JsonValueKind.String) templates[Default] = new(node.String(), node.Place);
        else if (node.Element.ValueKind == JsonValueKind.Array)
            foreach (var item in node.Items())
            {
                var text = item.Required("template");
                templates[item.Required("name").String()] = new(text.String(), text.Place);
            }
        else throw node.Wrong("a template's text, or a list of {name, template}");
        return templates;
    }
}
