using System.Globalization;
using LowRank.Tensors;
using LowRank.Text.AddedTokens;

namespace LowRank.Text;

/// <summary>Added tokens that stand beside tokenizer.json: added_tokens_decoder, added_tokens.json, and special tokens that only have a name.</summary>
internal static class ExtraTokens
{
    /// <summary>The parts with these tokens.</summary>
    /// <param name="parts">Those of the tokenizer's own file.</param>
    /// <param name="folder">Where the other files stand.</param>
    /// <param name="names">Named tokens.</param>
    /// <param name="normalized">Whether a token's flag of this name counts; beside a SentencePiece file tokens are found in the text as it is.</param>
    public static TokenizerParts AddTo(TokenizerParts parts, string folder, SpecialTokenFiles names, bool normalized)
    {
        var all = parts.AddedTokens.DistinctBy(t => t.Content).ToDictionary(t => t.Content, StringComparer.Ordinal);
        int before = all.Count;
        bool changed = false;
        var listed = names.Config is { } config && !config["added_tokens_decoder"].IsNull ? OfDecoder(config["added_tokens_decoder"]) : OfFile(folder, all, names);
        foreach (var (token, place) in listed.OrderBy(t => t.Token.Id))
        {
            // The vocabulary's id wins over the list's, as in the reference.
            int? known = all.GetValueOrDefault(token.Content)?.Id ?? parts.Model.IdOf(token.Content);
            if (known is null) CheckNext(token, parts, all, place);
            var own = token with { Id = known ?? token.Id, Normalized = normalized && token.Normalized };
            changed |= all.GetValueOrDefault(token.Content) != own;
            all[token.Content] = own;
        }
        foreach (var name in names.Named)
        {
            if (name.Content.Length == 0 || all.ContainsKey(name.Content) || parts.Model.IdOf(name.Content) is not { } id) continue;
            all[name.Content] = Flagged(id, name.Content, name.Flags, special: true) is var own && normalized ? own : own with { Normalized = false };
        }
        return changed || all.Count != before ? parts with { AddedTokens = [.. all.Values] } : parts;
    }

    private static IEnumerable<(AddedToken Token, string Place)> OfDecoder(Node decoder)
    {
        foreach (var (key, value) in decoder.Fields())
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id)) throw new BadInputException("a key is not a token's id", key, decoder.Place, "a whole number from 0");
            string content = value.Required("content").String();
            if (content.Length > 0) yield return (Flagged(id, content, value, special: false), value.Place);
        }
    }

    // Only texts and ids: what tokenizer.json says of a token counts for more.
    private static IEnumerable<(AddedToken Token, string Place)> OfFile(string folder, Dictionary<string, AddedToken> known, SpecialTokenFiles names)
    {
        if (SpecialTokenFiles.Open(folder, "added_tokens.json") is not { } file) yield break;
        var special = names.Named.Select(n => n.Content).ToHashSet(StringComparer.Ordinal);
        foreach (var (content, id) in file.Fields())
            if (content.Length > 0 && !known.ContainsKey(content)) yield return (new AddedToken(id.Index(), content, Normalized: !special.Contains(content), Special: special.Contains(content)), id.Place);
    }

    private static AddedToken Flagged(int id, string content, Node flags, bool special)
    {
        if (flags.IsNull) return new AddedToken(id, content, Special: special);
        special = flags["special"].Bool(special);
        return new AddedToken(id, content, flags["single_word"].Bool(false), flags["lstrip"].Bool(false), flags["rstrip"].Bool(false), flags["normalized"].Bool(!special), special);
    }

    // A new token follows the last one: ids are neither taken twice nor left out.
    private static void CheckNext(AddedToken token, TokenizerParts parts, Dictionary<string, AddedToken> all, string place)
    {
        int next = Math.Max(parts.Model.Size, all.Count == 0 ? 0 : all.Values.Max(t => t.Id) + 1);
        if (token.Id != next) throw new BadInputException($"the added token '{token.Content}' does not follow the vocabulary", token.Id.ToString(CultureInfo.InvariantCulture), place, $"the id {next}", "tokenizer.json and this file belong to different versions of the model.");
    }
}
