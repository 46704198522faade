using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>
/// Conversations as a model reads them: rendered by a chat template, then tokenised without adding special tokens, as the text holds them already. Safe for several threads.
/// </summary>
public sealed class ChatEncoder
{
    private static readonly Dictionary<TemplateErrorKind, string> Problems = new()
    {
        [TemplateErrorKind.Syntax] = "the chat template does not compile: ",
        [TemplateErrorKind.Raised] = "the chat template refuses the conversation: ",
        [TemplateErrorKind.Security] = "the chat template does something forbidden: ",
        [TemplateErrorKind.Undefined] = "the chat template fails on this conversation: ",
        [TemplateErrorKind.Runtime] = "the chat template fails on this conversation: ",
    };

    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplate _template;
    private readonly ChatTemplate? _withTools;
    private readonly IReadOnlyDictionary<string, JsonElement> _specialTokens;
    private readonly TemplateProbe _probe;

    /// <summary>Joins a tokenizer and a template.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">The template.</param>
    /// <param name="specialTokens">Variables that every rendering sees, such as bos_token.</param>
    public ChatEncoder(Tokenizer tokenizer, ChatTemplate template, IReadOnlyDictionary<string, JsonElement> specialTokens) : this(tokenizer, template, null, specialTokens) { }

    private ChatEncoder(Tokenizer tokenizer, ChatTemplate template, ChatTemplate? withTools, IReadOnlyDictionary<string, JsonElement> specialTokens)
    {
        // Truncation and padding of a tokenizer.json are for single texts.
        (_tokenizer, _template, _withTools, _specialTokens) = (tokenizer.With(), template, withTools, specialTokens);
        _probe = new TemplateProbe(this);
        EndIds = [.. tokenizer.EosIds.Concat(_probe.TurnEnd(tokenizer) is { } id ? [id] : Array.Empty<int>()).Distinct()];
    }

    /// <summary>The encoder of a model; null where it has no chat template and none was chosen.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="choice">
    /// The name of one of its templates, a template file, a folder (of an adapter, say) that has one, or "none"; null: the model's usual
    /// one, or "tool_use" where a request has tools.
    /// </param>
    /// <param name="place">The option or setting that chooses.</param>
    /// <exception cref="BadInputException">There is no such template, it cannot be parsed, or fails whatever is said.</exception>
    public static ChatEncoder? Of(Tokenizer tokenizer, string? choice = null, string place = "--template")
        => TemplateChoice.Of(tokenizer, choice, place) is { } chosen ? Of(tokenizer, chosen, tokenizer.SpecialTokens, place) : null;

    internal static ChatEncoder Of(
        Tokenizer tokenizer, TemplateChoice choice, IReadOnlyDictionary<string, JsonElement> specialTokens, string place)
    {
        ChatTemplate Parse(TemplateText text) => Guard(() => ChatTemplate.Parse(text.Source, text.Place), Remedy(place));
        var withTools = choice.WithTools is { } tools ? Parse(tools) : null;
        var encoder = new ChatEncoder(tokenizer, Parse(choice.Template), withTools, specialTokens);
        if (encoder._probe.Fault() is { } fault) throw Told(fault, "the chat template fails on every conversation: ", Remedy(place));
        return encoder;
    }

    private static string Remedy(string place) => $"Correct the template, name another one with {place}, or do without: {place} none.";

    /// <summary>The tokens that end an answer: those that end a text, and the one that the template puts behind a turn.</summary>
    public IReadOnlyList<int> EndIds { get; }

    /// <summary>The text of a conversation, exactly as the template and Transformers have it.</summary>
    /// <exception cref="BadInputException">The template refuses the conversation or fails.</exception>
    public RenderedChat Render(ChatRequest request)
    {
        var variables = new Dictionary<string, JsonElement>(_specialTokens, StringComparer.Ordinal);
        foreach (var (name, value) in request.Variables) variables[name] = value;
        return Guard(() => TemplateFor(request).Render(request with { Variables = variables }));
    }

    /// <summary>The ids of a conversation's text.</summary>
    public int[] Encode(ChatRequest request) => _tokenizer.Encode(Render(request).Text, addSpecialTokens: false);

    /// <summary>The ids of a rendered text, and which of them a {% generation %} block covers.</summary>
    public ChatTokens Tokens(RenderedChat rendered)
    {
        var encoding = _tokenizer.EncodeWithOffsets(rendered.Text, addSpecialTokens: false);
        return new([.. encoding.Ids], GenerationMask.Of(encoding, rendered.Generation), rendered.Text);
    }

    /// <summary>
    /// The conversation checked, and written as this template can read it: other names of roles and calls as OpenAI has them, text parts
    /// joined, arguments of tool calls as objects where it needs that.
    /// </summary>
    /// <exception cref="BadInputException">A message is no message, or has a part that is not text.</exception>
    public ChatRequest Prepare(ChatRequest request)
        => request with { Messages = ChatMessages.Prepare(request.Messages, _probe, TemplateFor(request)) };

    /// <summary>Refuses tools, documents, variables and keys of messages that the template passes over: Transformers drops them without a
    /// word. Training and `generate` ask this of every conversation.</summary>
    /// <returns>The remarks of messages (ids, scores, …) that the template passes over as well, as in "messages.name".</returns>
    /// <exception cref="BadInputException">Names all of them.</exception>
    public IReadOnlyList<string> RefuseUnread(ChatRequest request) => UnreadKeys.Refuse(this, TemplateFor(request), request);

    /// <summary>
    /// A conversation to train on, and which of its tokens are targets: with <paramref name="assistantOnly"/> those of the assistant's turns with their end tokens,
    /// by {% generation %} where the template has it, else by the prefix rule; otherwise all. Turns with weight 0 are none (<see
    /// cref="TurnWeight"/>).
    /// </summary>
    /// <param name="request">The conversation.</param>
    /// <param name="assistantOnly">Whether only the assistant's turns are targets.</param>
    /// <param name="turns">Which of them.</param>
    /// <exception cref="BadInputException">The conversation is malformed, has no assistant turn, or the template leaves open which tokens are the assistant's.</exception>
    public ChatTokens EncodeForTraining(ChatRequest request, bool assistantOnly = true, AssistantTurns turns = AssistantTurns.All)
    {
        // One clock for all renderings of a row.
        var whole = Prepare(request) with { AddGenerationPrompt = false, ContinueFinalMessage = false, Now = request.Now ?? DateTime.Now };
        bool[] counted = TurnWeight.Counted(request.Messages!.Value, assistantOnly);
        RefuseDoubledEnds(whole);
        var rendered = Render(whole);
        var encoding = _tokenizer.EncodeWithOffsets(rendered.Text, addSpecialTokens: false);
        int[] mask;
        if (assistantOnly)
        {
            mask = MaskOf(whole, rendered, encoding, turns, i => counted[i]);
            if (!mask.Contains(1))
                throw new BadInputException("the conversation has no assistant turn to train on", place: "messages",
                expected: "a message with the role assistant, and a weight other than 0",
                remedy: "Leave the row out, or train on all tokens (train_on_inputs: true).");
        }
        else mask = counted.All(c => c) ? [.. Enumerable.Repeat(1, encoding.Ids.Count)]
            : [.. MaskOf(whole, rendered, encoding, AssistantTurns.All, i => !counted[i]).Select(m => 1 - m)];
        return new([.. encoding.Ids], mask, rendered.Text);
    }

    /// <summary>1 for the tokens of some of the assistant's turns.</summary>
    private int[] MaskOf(ChatRequest whole, RenderedChat rendered, Encoding encoding, AssistantTurns turns, Func<int, bool> wanted)
    {
        if (TemplateFor(whole).MarksGeneration)
        {
            var blocks = TurnBlocks.Of(this, whole, rendered, wanted);
            return GenerationMask.WithEndTokens(encoding, turns == AssistantTurns.Last && rendered.Generation.Count > 0
                ? [.. blocks.Intersect(TurnBlocks.Runs(rendered.Generation)[^1])] : blocks, _tokenizer);
        }
        int[] mask = new int[encoding.Ids.Count];
        foreach (var (from, to) in new PrefixRule(this, _tokenizer, whole, rendered.Text, encoding).Turns(turns, wanted)) Array.Fill(mask,
            1, from, to - from);
        return mask;
    }

    // The template writes the end of a turn: a content that has it already would be learnt to end twice.
    private void RefuseDoubledEnds(ChatRequest whole)
    {
        int i = 0;
        foreach (var message in whole.Messages!.Value.EnumerateArray())
        {
            if (ChatMessages.RoleOf(message) == "assistant" && message.TryGetProperty("content", out var content)
                && content.ValueKind == JsonValueKind.String
                && EndIds.Select(_tokenizer.TokenOf).FirstOrDefault(end => end is { Length: > 0 }
                    && content.GetString()!.AsSpan().TrimEnd().EndsWith(end)) is { } end)
                throw new BadInputException($"messages[{i}]: the content ends with a token that ends turns, and the chat template writes the end itself", end, remedy: "Take it away at the end of the content; a conversation that is rendered already belongs into \"text\".");
            i++;
        }
    }

    private ChatTemplate TemplateFor(ChatRequest request)
        => _withTools is not null && request.Tools is { ValueKind: JsonValueKind.Array } tools && tools.GetArrayLength() > 0 ? _withTools : _template;

    private static T Guard<T>(Func<T> work, string? remedy = null)
    {
        try { return work(); }
        catch (TemplateException e) { throw Told(e, Problems[e.Kind], remedy); }
    }

    private static BadInputException Told(TemplateException e, string problem, string? remedy)
    {
        string place = e.Message.EndsWith(": " + e.Reason, StringComparison.Ordinal) ? e.Message[..^(e.Reason.Length + 2)] : "chat template";
        return new(problem + e.Reason, place: place, remedy: remedy, inner: e);
    }
}
