using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>
/// Where the assistant's turns lie in a conversation whose template does not say so. A turn begins where the rendering up to it, with the generation prompt, ends; it ends
/// with the special token that closes it. That holds only if the same text and the same tokens stand in the whole conversation, which is checked.
/// </summary>
internal sealed class PrefixRule(ChatEncoder encoder, Tokenizer tokenizer, ChatRequest whole, string text, Encoding encoding)
{
    private const string Remedy = "Use a template that marks the assistant's turns with {% generation %}, train on the last assistant turn only (assistant_turns: last), or on all tokens (train_on_inputs: true).";

    private readonly JsonElement[] _messages = [.. whole.Messages!.Value.EnumerateArray()];
    private readonly int[] _unitOf = UnitsOf(text);

    /// <summary>The runs [From, To) of tokens.</summary>
    /// <param name="turns">Which of the assistant's turns.</param>
    /// <param name="wanted">Which messages of those.</param>
    /// <exception cref="BadInputException">A turn is not where the rule would have it; says why and what to do.</exception>
    public IEnumerable<(int From, int To)> Turns(AssistantTurns turns, Func<int, bool> wanted)
    {
        int[] places = [.. Enumerable.Range(0, _messages.Length).Where(i => ChatMessages.RoleOf(_messages[i]) == "assistant")];
        if (turns == AssistantTurns.Last && places.Length > 0) places = places[^1..];
        return places.Where(wanted).Select(Turn);
    }

    private (int From, int To) Turn(int number)
    {
        string place = $"messages[{number}]";
        string prompt = RenderedUpTo(number, addPrompt: true, place);
        string through = number == _messages.Length - 1 ? text : RenderedUpTo(number + 1, addPrompt: false, place);
        if (!through.StartsWith(prompt, StringComparison.Ordinal))
            throw new BadInputException("the template does not begin this assistant turn with its generation prompt, so what is trained on would not be what is generated", Differing(prompt, through), place, remedy: Remedy);
        if (!text.StartsWith(prompt, StringComparison.Ordinal))
            throw new BadInputException("the template writes what comes before this assistant turn differently once later turns follow (some drop earlier reasoning)", Differing(prompt, text), place, remedy: Remedy);
        int from = FirstToken(prompt, place);
        return (from, EndToken(from, through, place) + 1);
    }

    private string RenderedUpTo(int count, bool addPrompt, string place)
    {
        var part = whole with { Messages = JsonSerializer.SerializeToElement(_messages[..count]), AddGenerationPrompt = addPrompt };
        try { return encoder.Render(part).Text; }
        catch (BadInputException e) { throw new BadInputException("the assistant's turn cannot be told from the rest, because the template does not render the conversation up to it: " + e.Message, place: place, remedy: Remedy, inner: e); }
    }

    // The prompt's tokens have to be the first tokens of the whole.
    private int FirstToken(string prompt, string place)
    {
        int[] ids = tokenizer.Encode(prompt, addSpecialTokens: false);
        int same = 0;
        while (same < ids.Length && same < encoding.Ids.Count && ids[same] == encoding.Ids[same]) same++;
        if (same == ids.Length) return same;
        int unit = same < encoding.Ids.Count ? _unitOf[encoding.Offsets[same].Start] : text.Length;
        throw new BadInputException("the end of the prompt and the beginning of this assistant turn share a token, so the turn's tokens are not those that would be generated", Shown(text[unit..]), place,
            remedy: "Take away blanks and line breaks at the beginning of the turn's content. " + Remedy);
    }

    private int EndToken(int from, string through, string place)
    {
        int common = 0, most = Math.Min(through.Length, text.Length);
        while (common < most && through[common] == text[common]) common++;
        for (int i = encoding.Ids.Count - 1; i >= from; i--)
        {
            if (!TurnEnds.CanEnd(tokenizer, encoding.Ids[i]) || CloseOf(i) is not { } close || close > common) continue;
            if (OnlyClosing(through[close..])) return i;
            break;
        }
        if (common < through.Length && !OnlyClosing(through[common..]))
            throw new BadInputException("the template writes this assistant turn differently once later turns follow (some drop earlier reasoning), so a part of it was never generated like this", Differing(through, text), place, remedy: Remedy);
        throw new BadInputException("the token that ends this assistant turn cannot be found: the template puts no special token behind it, so the model would not learn to stop", Shown(text[Math.Max(0, common - 40)..common]), place,
            "a special token such as <|im_end|> or </s> after the content", "Use a template that ends turns with a special token of this tokenizer, or " + char.ToLowerInvariant(Remedy[0]) + Remedy[1..]);
    }

    // Where a special token's own text ends; its place may hold blanks that it took. Null: not written as such.
    private int? CloseOf(int token)
    {
        if (tokenizer.TokenOf(encoding.Ids[token]) is not { Length: > 0 } content) return null;
        int start = _unitOf[encoding.Offsets[token].Start];
        int at = text.IndexOf(content, start, StringComparison.Ordinal);
        return at >= 0 && at < _unitOf[encoding.Offsets[token].End] ? at + content.Length : null;
    }

    private bool OnlyClosing(string rest)
        => string.IsNullOrWhiteSpace(rest) || tokenizer.Encode(rest, addSpecialTokens: false).All(id => TurnEnds.CanEnd(tokenizer, id) || string.IsNullOrWhiteSpace(tokenizer.Decode([id])));

    private static string Differing(string a, string b)
    {
        int at = 0;
        while (at < a.Length && at < b.Length && a[at] == b[at]) at++;
        return $"{Shown(a[at..])} and {Shown(b[at..])}";
    }

    private static string Shown(string part) => JsonSerializer.Serialize(part.Length > 40 ? part[..40] + "..." : part, Readable);

    private static readonly JsonSerializerOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // The UTF-16 unit at which each code point begins, and the end.
    private static int[] UnitsOf(string text)
    {
        var units = new List<int>(text.Length + 1);
        for (int i = 0, length; i < text.Length; i += length)
        {
            units.Add(i);
            Unicode.At(text, i, out length);
        }
        units.Add(text.Length);
        return [.. units];
    }
}
