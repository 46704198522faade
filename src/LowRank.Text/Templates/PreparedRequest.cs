using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates;

/// <summary>A request as the template sees it, prepared as Transformers' apply_chat_template does.</summary>
internal sealed class PreparedRequest
{
    private const string Mark = "CONTINUE_FINAL_MESSAGE_TAG ";
    private static readonly Str Content = new("content"), Text = new("text"), ReasoningContent = new("reasoning_content"), Thinking = new("thinking"), Reasoning = new("reasoning");
    private readonly string? _final;

    private PreparedRequest(Dictionary<string, Value> variables, string? final) => (Variables, _final) = (variables, final);

    /// <summary>What the template's names stand for.</summary>
    public Dictionary<string, Value> Variables { get; }

    public static PreparedRequest Of(ChatRequest request)
    {
        Dictionary<string, Value> variables = new(StringComparer.Ordinal);
        string? final = null;
        if (request.Messages is { } messages)
        {
            if (request.ContinueFinalMessage && request.AddGenerationPrompt) throw Fail.Runtime("continue_final_message and add_generation_prompt are not compatible: use continue_final_message to go on with the last message, add_generation_prompt to begin an answer");
            var list = JsonValues.Of(messages);
            if (list is Sequence { Items: var items })
            {
                items = [.. items.Select(Message)];
                if (request.ContinueFinalMessage) (items, final) = Marked(items);
                list = new ListValue(items);
            }
            variables["messages"] = list;
            variables["tools"] = request.Tools is { } tools ? JsonValues.Of(tools) : None.Instance;
            variables["documents"] = request.Documents is { } documents ? JsonValues.Of(documents) : None.Instance;
            variables["add_generation_prompt"] = Bool.Of(request.AddGenerationPrompt);
        }
        foreach (var (name, value) in request.Variables) variables[name] = JsonValues.Of(value);
        return new PreparedRequest(variables, final);
    }

    /// <summary>Ends the text behind the message that is to be continued.</summary>
    public RenderedChat Cut(string text, IReadOnlyList<(int, int)> generation)
    {
        if (_final is null) return new RenderedChat(text, generation);
        int at = text.LastIndexOf(Mark.TrimEnd(), StringComparison.Ordinal);
        if (at < 0 || !text.Contains(Library.StringMethods.Strip(_final, null, true, true), StringComparison.Ordinal))
            throw Fail.Runtime("continue_final_message is set but the final message does not appear in the chat after applying the chat template! This can happen if the chat template deletes portions of the final message. Please verify the chat template and final message in your chat to ensure they are compatible.");
        // A template that trims has taken the mark's blank, and with it those that the message ended in.
        string cut = text[..at];
        if (!text.AsSpan(at).StartsWith(Mark)) cut = Library.StringMethods.Strip(cut, null, false, true);
        return new RenderedChat(cut, []); // the reference marks no spans in a text that it cuts
    }

    /// <summary>A message without its null keys, its reasoning under the names that templates ask for.</summary>
    private static Value Message(Value value)
    {
        if (value is not DictValue message) return value;
        var prepared = new DictValue(message.Count + 2);
        for (int i = 0; i < message.Count; i++)
        {
            var (key, item) = message.At(i);
            if (item is not None) prepared.Set(key, item);
        }
        if ((prepared.Get(ReasoningContent) ?? prepared.Get(Thinking) ?? prepared.Get(Reasoning)) is { } reasoning)
        {
            if (prepared.Get(ReasoningContent) is null) prepared.Set(ReasoningContent, reasoning);
            if (prepared.Get(Thinking) is null) prepared.Set(Thinking, reasoning);
        }
        return prepared;
    }

    /// <summary>The messages with the mark behind the last one's text, and that text.</summary>
    private static (Value[], string) Marked(Value[] messages)
    {
        if (messages.Length == 0 || messages[^1] is not DictValue last || last.Get(Content) is not { } content)
            throw Fail.Runtime("continue_final_message is set but there is no final message with content to continue");
        string final;
        if (content is Str text) (content, final) = (new Str(text.Text + Mark), text.Text);
        else
        {
            Value[] parts = content is Sequence s ? [.. s.Items] : [];
            int at = Array.FindLastIndex(parts, p => p is DictValue d && d.Get(Text) is Str);
            if (at < 0) throw Fail.Runtime("continue_final_message is set but we could not find any text to continue in the final message!");
            final = ((Str)((DictValue)parts[at]).Get(Text)!).Text;
            parts[at] = With((DictValue)parts[at], Text, new Str(final + Mark));
            content = new ListValue(parts);
        }
        return ([.. messages[..^1], With(last, Content, content)], final);
    }

    private static DictValue With(DictValue dict, Str key, Value value)
    {
        var copy = new DictValue(dict.Count);
        for (int i = 0; i < dict.Count; i++) copy.Set(dict.At(i).Key, dict.At(i).Value);
        copy.Set(key, value);
        return copy;
    }
}
