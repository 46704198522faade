using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Text;

/// <summary>
/// What a GGUF file says of texts, as the files of a Hugging Face folder: tokenizer.json, tokenizer_config.json, the chat templates and
/// generation_config.json. A folder written from such a model
/// is whole with them.
/// </summary>
public static class GgufTokenizerFolder
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes them for a model that was read from a GGUF file; does nothing for another.</summary>
    /// <param name="model">Where the model was read from.</param>
    /// <param name="folder">An existing folder.</param>
    /// <returns>Null, or why the tokenizer could not be written so that it gives the same ids; all else is written then.</returns>
    public static string? Write(string model, string folder)
    {
        if (Found.At(model).Kind != FoundKind.GgufModel) return null;
        using var file = GgufFile.Open(model);
        return Write(file.Metadata, folder);
    }

    /// <summary>The same from a GGUF file's metadata.</summary>
    public static string? Write(IReadOnlyDictionary<string, object> metadata, string folder)
    {
        if (!metadata.ContainsKey(GgufFields.Prefix + "model")) return null;
        WriteTemplates(TemplateFiles.OfGguf(metadata, null), folder);
        Tokenizer tokenizer;
        try { tokenizer = Tokenizer.FromGguf(metadata); }
        catch (BadInputException e) { return e.Message; }
        WriteEnds(tokenizer, folder);
        if (tokenizer.SpecialTokens.FirstOrDefault(t => tokenizer.IdOf(t.Value.GetString()!) is { } id
            && !tokenizer.IsSpecial(id)) is { Key: not null } ordinary)
            return $"its {ordinary.Key} '{ordinary.Value.GetString()}' is an ordinary token in texts, which one that is named in a folder never is";
        string path = Path.Combine(folder, "tokenizer.json");
        string? refusal = null;
        AtomicFile.Write(path, s => refusal = GgufTokenizer.WriteJson(metadata, s));
        if (refusal is null)
        {
            WriteText(folder, "tokenizer_config.json", Config(tokenizer, metadata));
            var written = Tokenizer.FromFolder(folder);
            if (Probes(tokenizer).FirstOrDefault(t => Ids(tokenizer, t) != Ids(written, t)) is not { } text) return null;
            refusal = $"as tokenizer.json it would cut '{text.ReplaceLineEndings("\\n")}' otherwise";
#pragma warning disable RS0030 // both were written here, just now
            File.Delete(Path.Combine(folder, "tokenizer_config.json"));
        }
        File.Delete(path);
#pragma warning restore RS0030
        return refusal;
    }

    private static JsonObject Config(Tokenizer tokenizer, IReadOnlyDictionary<string, object> metadata)
    {
        var fields = new GgufFields(metadata);
        var config = new JsonObject { ["tokenizer_class"] = "PreTrainedTokenizerFast", ["clean_up_tokenization_spaces"] = false };
        foreach (string flag in (string[])["add_bos_token", "add_eos_token"])
            if (fields.Has(flag)) config[flag] = fields.Flag(flag, false);
        if (metadata.GetValueOrDefault("general.architecture") is string architecture
            && metadata.GetValueOrDefault(architecture + ".context_length") is IConvertible and not string and var length)
            config["model_max_length"] = Convert.ToInt64(length, System.Globalization.CultureInfo.InvariantCulture);
        foreach (var (name, text) in tokenizer.SpecialTokens) config[name] = JsonNode.Parse(text.GetRawText());
        return config;
    }

    private static void WriteEnds(Tokenizer tokenizer, string folder)
    {
        var config = new JsonObject();
        if (tokenizer.BosId is { } bos) config["bos_token_id"] = bos;
        if (tokenizer.EosIds is { Count: > 0 } ends) config["eos_token_id"] = ends.Count == 1 ? ends[0]
            : new JsonArray([.. ends.Select(e => (JsonNode)e)]);
        if (tokenizer.PadId is { } pad) config["pad_token_id"] = pad;
        if (config.Count > 0) WriteText(folder, "generation_config.json", config);
    }

    private static void WriteTemplates(Dictionary<string, TemplateText> templates, string folder)
    {
        foreach (var (name, (text, place)) in templates)
        {
            if (name == TemplateChoice.Default) AtomicFile.WriteText(Path.Combine(folder, TemplateFiles.Single), text);
            else if (Path.GetFileName(name) != name)
                throw new BadInputException("a chat template's name cannot be a file's", name, place, "a name without slashes");
            else AtomicFile.WriteText(Path.Combine(folder, TemplateFiles.More, name + ".jinja"), text);
        }
    }

    private static void WriteText(string folder, string name, JsonObject json) => AtomicFile.WriteText(Path.Combine(folder, name),
        json.ToJsonString(Indented) + "\n");

    // The ids of a text as one string; of one that cannot be encoded, what is wrong with it.
    private static string Ids(Tokenizer tokenizer, string text)
    {
        try { return string.Join(' ', tokenizer.Encode(text)); }
        catch (BadInputException e) { return e.Problem; }
    }

    // Texts that the vocabulary itself suggests: pieces on end, with blanks, bytes and special tokens between them.
    private static IEnumerable<string> Probes(Tokenizer tokenizer)
    {
        const int texts = 400, words = 12;
        yield return "";
        yield return " Two  blanks,\n\n\ttabs; 12345 and caf\u00e9 \u4f60\u597d \U0001F600\u200d\u0301!  ";
        for (int text = 0; text < texts; text++)
        {
            var builder = new System.Text.StringBuilder();
            for (int word = 0; word < words; word++)
            {
                ulong random = SplitMix.At(0, text, word);
                builder.Append(tokenizer.Decode([(int)(random % (ulong)tokenizer.VocabularySize)])).Append((random >> 40) % 4 == 0 ? " "
                    : "");
            }
            yield return builder.ToString();
        }
    }
}
