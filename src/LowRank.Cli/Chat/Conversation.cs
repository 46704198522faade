using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Tensors;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Cli.Chat;

/// <summary>What was said so far, and the model that answers. The part of a prompt that the model has read already is not computed again.</summary>
internal sealed class Conversation : IDisposable
{
    private readonly Session _session;
    private readonly PrefixCache _prefix = new();
    private readonly Func<IReadOnlyList<string>, ChatTexts> _textsOf;
    private IReadOnlyList<string> _adapters;
    private ChatTexts _texts;
    private readonly Generator _generator;
    private readonly List<(string Role, string Content)> _messages = [];

    /// <summary>Begins one.</summary>
    /// <param name="session">The model and its adapters.</param>
    /// <param name="textsOf">How texts are written where the adapters of these folders act.</param>
    public Conversation(Session session, Func<IReadOnlyList<string>, ChatTexts> textsOf)
    {
        (_session, _textsOf, Adapters) = (session, textsOf, new(session));
        _generator = new(session.Model, session.Tokenizer, session.Host);
        (_adapters, _texts) = (Adapters.Folders, textsOf(Adapters.Folders));
    }

    /// <summary>Which adapters act.</summary>
    public AdapterDial Adapters { get; }
    /// <summary>The system message; null: whatever the template has by itself.</summary>
    public string? System { get; set; }
    /// <summary>The answers so far, undone ones too.</summary>
    public List<ChatTurn> Turns { get; } = [];
    /// <summary>New tokens of an answer at most.</summary>
    public int MaxNewTokens => _texts.Options.MaxNewTokens;
    /// <summary>Whether anything was said.</summary>
    public bool IsEmpty => _messages.Count == 0;

    /// <summary>The conversation in OpenAI's form.</summary>
    public JsonArray Messages() => [.. (System is null ? [] : new[] { ("system", System) }).Concat(_messages).Select(m => (JsonNode)new JsonObject { ["role"] = m.Item1, ["content"] = m.Item2 })];

    /// <summary>Says something and gives the answer; where none comes about, nothing was said.</summary>
    /// <param name="text">The user's turn.</param>
    /// <param name="onText">Called with each piece as it comes.</param>
    /// <param name="stop">Ends the answer; what was said of it stays.</param>
    public ChatTurn Say(string text, Action<string> onText, CancellationToken stop)
    {
        int before = _messages.Count;
        _messages.Add(("user", text));
        try
        {
            var turn = Answer(onText, stop);
            if (turn.Text.Length == 0 && turn.FinishReason == "cancelled") _messages.RemoveRange(before, _messages.Count - before);
            return turn;
        }
        catch
        {
            _messages.RemoveRange(before, _messages.Count - before);
            throw;
        }
    }

    /// <summary>Takes the last question and its answer back; gives the question, null where there is none.</summary>
    public string? Undo()
    {
        int at = _messages.FindLastIndex(m => m.Role == "user");
        if (at < 0) return null;
        string text = _messages[at].Content;
        _messages.RemoveRange(at, _messages.Count - at);
        return text;
    }

    /// <summary>Forgets what was said; the system message and the adapters stay.</summary>
    public void Reset()
    {
        _messages.Clear();
        _prefix.Clear();
    }

    /// <summary>Releases the memory of what was read.</summary>
    public void Dispose() => _prefix.Dispose();

    private ChatTurn Answer(Action<string> onText, CancellationToken stop)
    {
        if (!_adapters.SequenceEqual(Adapters.Folders)) (_adapters, _texts) = (Adapters.Folders, _textsOf(Adapters.Folders));
        var (encoder, options) = _texts;
        ChatRequest request = new() { Messages = JsonSerializer.SerializeToElement(Messages()), AddGenerationPrompt = true };
        encoder.RefuseUnread(request);
        int[] ids = encoder.Encode(request);
        GenerationResult result;
        // Each answer draws its own random numbers.
        try { result = _generator.Generate([new(ids)], options with { Seed = options.Seed + Turns.Count }, (_, piece) => onText(piece), stop, _prefix)[0]; }
        catch (BadInputException e) when (ids.Length >= _session.Model.Spec.MaxPositions) { throw new BadInputException("the conversation has become too long for the model: " + e.Message, remedy: "Begin a new one with /reset, or take turns back with /undo.", inner: e); }
        _messages.Add(("assistant", result.Text ?? ""));
        var turn = new ChatTurn(result.Text ?? "", result.FinishReason, result.PromptTokens, _prefix.Reused, result.Ids.Count, result.PrefillSeconds, result.DecodeSeconds, [.. Adapters.Active]);
        Turns.Add(turn);
        return turn;
    }
}

/// <summary>How a conversation is written and answered.</summary>
/// <param name="Encoder">Its template.</param>
/// <param name="Options">The ends of an answer among them.</param>
internal sealed record ChatTexts(ChatEncoder Encoder, GenerationOptions Options);

/// <summary>An answer and how it came about.</summary>
/// <param name="Text">What was said.</param>
/// <param name="FinishReason">`stop`, `length` or `cancelled`.</param>
/// <param name="PromptTokens">Tokens of the conversation before it.</param>
/// <param name="ReusedTokens">Those of them that were not computed again.</param>
/// <param name="NewTokens">Tokens of the answer.</param>
/// <param name="PrefillSeconds">Until the first of them.</param>
/// <param name="DecodeSeconds">From the first to the last.</param>
/// <param name="Adapters">What acted.</param>
internal sealed record ChatTurn(string Text, string FinishReason, int PromptTokens, int ReusedTokens, int NewTokens, double PrefillSeconds, double DecodeSeconds, IReadOnlyList<(string Name, double Strength)> Adapters)
{
    /// <summary>For --json.</summary>
    public JsonObject ToJson() => new()
    {
        ["text"] = Text, ["finish_reason"] = FinishReason, ["prompt_tokens"] = PromptTokens, ["reused_tokens"] = ReusedTokens, ["new_tokens"] = NewTokens,
        ["prefill_seconds"] = PrefillSeconds, ["decode_seconds"] = DecodeSeconds, ["adapters"] = new JsonObject(Adapters.Select(a => KeyValuePair.Create(a.Name, (JsonNode?)a.Strength))),
    };
}
