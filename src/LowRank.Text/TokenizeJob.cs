using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Text;

/// <summary>The work of the `tokenize` verb: a list of texts, pairs, id lists and batches in, what the tokenizer makes of each out.</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="specialTokens">Whether special tokens are added where an item does not say.</param>
public sealed class TokenizeJob(Tokenizer tokenizer, bool specialTokens = true)
{
    /// <summary>Answers every item, in order; one that fails answers `{error}`.</summary>
    /// <param name="json">A JSON list of strings or of objects `{text, pair?, special_tokens?}`, `{ids, keep_special?}`, `{batch}`.</param>
    /// <param name="place">What to call the input in errors.</param>
    /// <exception cref="BadInputException">The input is not such a list at all.</exception>
    public JsonArray Run(string json, string place)
    {
        try
        {
            using var document = StrictJson.Parse(json);
            return [.. new Node(document.RootElement, place).Items().ToList().Select(Answer)];
        }
        catch (JsonException e) { throw new BadInputException($"the input is not JSON: {e.Message}", place: place, inner: e); }
        catch (BadInputException e) when (e.Place is null)
        {
            throw new BadInputException(e.Problem, e.Value, place, e.Expected, e.Remedy, e);
        }
    }

    private JsonObject Answer(Node item)
    {
        try
        {
            if (item.Element.ValueKind == JsonValueKind.String) return Text(item.String(), null, specialTokens);
            if (Is(item, "text", "pair", "special_tokens"))
                return Text(item["text"].String(), item["pair"].IsNull ? null : item["pair"].String(),
                    item["special_tokens"].Bool(specialTokens));
            if (Is(item, "ids", "keep_special"))
                return Ids([.. item["ids"].Items().Select(i => i.Index())], item["keep_special"].Bool(false));
            if (Is(item, "batch", "truncation", "padding", "special_tokens")) return Batch(item);
            throw item.Wrong("a string or an object with text, ids or batch");
        }
        catch (BadInputException e) { return new JsonObject { ["error"] = e.Message }; }
    }

    // Whether an item is of a kind, by the first of the keys that it may have.
    private static bool Is(Node item, params string[] keys)
    {
        if (item[keys[0]].IsNull) return false;
        var unknown = item.Fields().FirstOrDefault(f => !keys.Contains(f.Name) && !KnownKeys.IsHarmless(f.Name)).Name;
        return unknown is null ? true
            : throw new BadInputException("a key that nothing is made of", unknown, item.Place, string.Join(", ", keys),
                NearNames.Sentence(unknown, keys, within: 2));
    }

    private JsonObject Text(string text, string? pair, bool special)
    {
        var encoding = tokenizer.EncodeWithOffsets(text, pair, special);
        return new JsonObject
        {
            ["ids"] = List(encoding.Ids),
            ["tokens"] = new JsonArray([.. encoding.Tokens.Select(t => JsonValue.Create(t))]),
            ["offsets"] = new JsonArray([.. encoding.Offsets.Select(o => List([o.Start, o.End]))]),
            ["type_ids"] = List(encoding.TypeIds),
            ["decoded"] = tokenizer.Decode(encoding.Ids),
            ["decoded_plain"] = tokenizer.Decode(encoding.Ids, skipSpecialTokens: true),
        };
    }

    private JsonObject Ids(int[] ids, bool keepSpecial)
    {
        var stream = tokenizer.NewStream(skipSpecialTokens: !keepSpecial);
        string[] pieces = [.. ids.Select(stream.Push), stream.End()];
        return new JsonObject
        {
            ["decoded"] = tokenizer.Decode(ids),
            ["decoded_plain"] = tokenizer.Decode(ids, skipSpecialTokens: true),
            ["pieces"] = new JsonArray([.. pieces.Select(p => JsonValue.Create(p))]),
        };
    }

    private JsonObject Batch(Node item)
    {
        var texts = new List<(string, string?)>();
        foreach (var entry in item["batch"].Items())
        {
            var pair = entry.Element.ValueKind == JsonValueKind.Array ? [.. entry.Items().Select(t => t.String())] : new List<string> { entry.String() };
            if (pair.Count is not (1 or 2)) throw entry.Wrong("a text or a pair of texts");
            texts.Add((pair[0], pair.Count > 1 ? pair[1] : null));
        }
        // A section that is absent is the file's own; null means none.
        var truncation = IsAbsent(item["truncation"]) ? tokenizer.Truncation : SizingReader.Truncation(item["truncation"]);
        var padding = IsAbsent(item["padding"]) ? tokenizer.Padding : SizingReader.Padding(item["padding"]);
        var rows = tokenizer.EncodeBatch(texts, truncation, padding, item["special_tokens"].Bool(specialTokens));
        return new JsonObject
        {
            ["rows"] = new JsonArray([.. rows.Select(row => new JsonObject
            {
                ["ids"] = List(row.Ids),
                ["attention_mask"] = List(row.AttentionMask),
                ["type_ids"] = List(row.TypeIds),
                ["special_tokens_mask"] = List(row.SpecialTokensMask),
            })]),
        };
    }

    private static bool IsAbsent(Node node) => node.Element.ValueKind == JsonValueKind.Undefined;

    private static JsonArray List(IReadOnlyList<int> numbers) => new([.. numbers.Select(n => JsonValue.Create(n))]);
}
