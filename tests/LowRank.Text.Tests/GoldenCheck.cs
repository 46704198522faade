using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text;

namespace LowRank.Text.Tests;

/// <summary>Compares a tokenizer with a cases.json and tells every difference.</summary>
internal static class GoldenCheck
{
    public static IEnumerable<string> Run(Tokenizer tokenizer, JsonNode cases)
        => [.. Each(cases["texts"], c => Texts(tokenizer, c)), .. Each(cases["decode"], c => Decodes(tokenizer, c)), .. Each(cases["stream"], c => Streams(tokenizer, c)), .. Each(cases["batch"], c => Batches(tokenizer, c))];

    private static IEnumerable<string> Each(JsonNode? list, Func<JsonObject, IEnumerable<string>> check)
        => list is null ? [] : list.AsArray().SelectMany(c => check(c!.AsObject()));

    private static IEnumerable<string> Texts(Tokenizer tokenizer, JsonObject c)
    {
        string text = c["text"]!.GetValue<string>(), shown = JsonSerializer.Serialize(text.Length > 60 ? text[..60] : text);
        string? pair = c["pair"]?.GetValue<string>();
        if (c["error"] is not null)
        {
            bool failed = false;
            try { tokenizer.EncodeWithOffsets(text, pair); }
            catch (BadInputException) { failed = true; }
            if (!failed) yield return $"{shown} should fail: {c["error"]}";
            yield break;
        }
        var encoding = tokenizer.EncodeWithOffsets(text, pair);
        int[] ids = Ints(c["ids"]), plain = Ints(c["plain_ids"] ?? c["ids"]);
        if (!ids.SequenceEqual(encoding.Ids)) yield return $"{shown} ids {Show(encoding.Ids)} instead of {Show(ids)}";
        else
        {
            string[] tokens = c["tokens"]?.AsArray().Select(t => t!.GetValue<string>()).ToArray() ?? [.. ids.Select(i => tokenizer.TokenOf(i)!)];
            if (!tokens.SequenceEqual(encoding.Tokens)) yield return $"{shown} tokens {string.Join('|', encoding.Tokens)}";
            int[] offsets = [.. encoding.Offsets.SelectMany(o => new[] { o.Start, o.End })];
            if (c["offsets"] is { } o && !Ints(o).SequenceEqual(offsets)) yield return $"{shown} offsets {Show(offsets)} instead of {Show(Ints(o))} ids {Show(ids)}";
            int[] types = c["type_ids"] is { } t0 ? Ints(t0) : new int[ids.Length];
            if (!types.SequenceEqual(encoding.TypeIds)) yield return $"{shown} type ids {Show(encoding.TypeIds)} instead of {Show(types)}";
        }
        if (pair is null && !plain.SequenceEqual(tokenizer.Encode(text, addSpecialTokens: false))) yield return $"{shown} plain ids {Show(tokenizer.Encode(text, false))} instead of {Show(plain)}";
        if (pair is null && !ids.SequenceEqual(tokenizer.Encode(text))) yield return $"{shown} ids alone";
        foreach (string wrong in Decoded(tokenizer, c, ids, text)) yield return wrong;
    }

    private static IEnumerable<string> Decodes(Tokenizer tokenizer, JsonObject c) => Decoded(tokenizer, c, Ints(c["ids"]), null);

    private static IEnumerable<string> Decoded(Tokenizer tokenizer, JsonObject c, int[] ids, string? text)
    {
        if (c["decoded"] is null && text is null) yield break;
        string decoded = c["decoded"]?.GetValue<string>() ?? text!, plain = c["decoded_plain"]?.GetValue<string>() ?? decoded;
        if (tokenizer.Decode(ids) != decoded) yield return $"ids {Show(ids)} decode to {JsonSerializer.Serialize(tokenizer.Decode(ids))} instead of {JsonSerializer.Serialize(decoded)}";
        if (tokenizer.Decode(ids, skipSpecialTokens: true) != plain) yield return $"ids {Show(ids)} decode without specials to {JsonSerializer.Serialize(tokenizer.Decode(ids, true))}";
    }

    private static IEnumerable<string> Streams(Tokenizer tokenizer, JsonObject c)
    {
        var stream = tokenizer.NewStream(skipSpecialTokens: !(c["keep_special"]?.GetValue<bool>() ?? false));
        string[] expected = [.. c["pieces"]!.AsArray().Select(p => p!.GetValue<string>())];
        string[] pieces = [.. Ints(c["ids"]).Select(stream.Push), stream.End()];
        if (!expected.SequenceEqual(pieces)) yield return $"stream {Show(Ints(c["ids"]))} gives {JsonSerializer.Serialize(pieces)} instead of {JsonSerializer.Serialize(expected)}";
    }

    // Through the verb's own job, which reads the sections and answers errors.
    private static IEnumerable<string> Batches(Tokenizer tokenizer, JsonObject c)
    {
        var item = new JsonObject { ["batch"] = c["texts"]!.DeepClone() };
        foreach (string section in new[] { "truncation", "padding" })
            if (c.TryGetPropertyValue(section, out var value)) item[section] = value?.DeepClone();
        var answer = new TokenizeJob(tokenizer).Run(new JsonArray(item).ToJsonString(), "batch")[0]!;
        string shown = item.ToJsonString();
        if (shown.Length > 200) shown = shown[..200];
        if ((c["error"] is not null) != (answer["error"] is not null)) yield return $"{shown} gives {answer.ToJsonString()}";
        if (c["error"] is not null || answer["error"] is not null) yield break;
        var rows = c["rows"]!.AsArray();
        if (rows.Count != answer["rows"]!.AsArray().Count) yield return $"{shown} has other rows";
        for (int i = 0; i < rows.Count; i++)
            foreach (string key in new[] { "ids", "attention_mask", "special_tokens_mask", "type_ids" })
            {
                int[] expected = rows[i]![key] is { } list ? Ints(list) : new int[Ints(rows[i]!["ids"]).Length], found = Ints(answer["rows"]![i]![key]);
                if (!expected.SequenceEqual(found)) yield return $"{shown} row {i} {key} {Show(found)} instead of {Show(expected)}";
            }
    }

    private static int[] Ints(JsonNode? node) => [.. node!.AsArray().Select(i => i!.GetValue<int>())];

    private static string Show(IEnumerable<int> numbers) => string.Join(',', numbers.Take(60));
}
