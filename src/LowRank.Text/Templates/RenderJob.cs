using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Text.Templates;

/// <summary>The work of the `render` verb: conversations in, what a chat template makes of each out.</summary>
public sealed class RenderJob
{
    private readonly Tokenizer? _tokenizer;
    private readonly IReadOnlyDictionary<string, JsonElement> _specialTokens;
    private readonly Dictionary<string, ChatTemplate> _compiled = new(StringComparer.Ordinal);
    private readonly Lazy<TemplateChoice?> _choice;
    private readonly ChatEncoder? _chat;

    /// <summary>Renders with one template, and with those that cases bring.</summary>
    /// <param name="tokenizer">The model's tokenizer, for ids, special tokens and its templates; null without a model.</param>
    /// <param name="source">The template that stands in for the model's; null for the model's.</param>
    /// <param name="name">What errors call that template.</param>
    public RenderJob(Tokenizer? tokenizer, string? source = null, string name = "chat template")
    {
        _tokenizer = tokenizer;
        _specialTokens = tokenizer?.SpecialTokens ?? new Dictionary<string, JsonElement>();
        _choice = new(() => source is not null ? new(new(source, name), null)
            : tokenizer is null ? null : TemplateChoice.Usual(tokenizer.Templates));
    }

    /// <summary>Renders as training and generation with a model and its adapters do.</summary>
    public RenderJob(TextConventions texts)
        => (_tokenizer, _specialTokens, _choice, _chat) = (texts.Tokenizer, texts.SpecialTokens, new(texts.Choice), texts.Chat);

    private static readonly string[] OwnKeys = ["template", "now", "add_generation_prompt", "continue_final_message"];

    /// <summary>Renders one conversation as training and `generate` read it: a JSON list of messages, or an object `{messages, system?,
    /// tools?, …}`.</summary>
    /// <param name="json">The input.</param>
    /// <param name="place">What errors call it.</param>
    /// <param name="addGenerationPrompt">Whether it ends where the answer begins.</param>
    /// <param name="unused">Gets the keys that change nothing.</param>
    /// <exception cref="BadInputException">The input is malformed, or the template refuses it, fails, or (with a model) passes over what
    /// it says.</exception>
    public JsonObject One(string json, string place, bool addGenerationPrompt, ICollection<string>? unused = null)
    {
        using var document = Parse(json, place);
        var root = new Node(document.RootElement, place);
        var (request, passed) = Guarded(() => Conversation(root), place);
        bool own = root.Element.ValueKind == JsonValueKind.Object && !root["template"].IsNull;
        if (_chat is not null && !own) passed = [.. passed, .. Guarded(() => _chat.RefuseUnread(request), place)];
        foreach (string key in passed) unused?.Add(key);
        var variables = Special();
        foreach (var (name, value) in request.Variables) variables[name] = value;
        request = request with { Variables = variables };
        try { return Answer(TemplateOf(root, request), request with { AddGenerationPrompt = request.AddGenerationPrompt || addGenerationPrompt }); }
        catch (TemplateException e) { throw new BadInputException($"the template fails ({Kind(e)}): {e.Message}", place: place, inner: e); }
    }

    private (ChatRequest Request, IReadOnlyList<string> Passed) Conversation(Node root)
    {
        if (root.Element.ValueKind == JsonValueKind.Array)
            return (ConversationParts.Request(MessageReader.Read(root.Element, "messages"), _ => null), []);
        List<string> names = [.. root.Fields().Where(f => !f.Value.IsNull).Select(f => f.Name)];
        string[] lists = [.. names.Intersect(["messages", "conversations"])];
        if (lists.Length != 1)
            throw new BadInputException(lists.Length == 0 ? "there are no messages" : "there are two lists of messages", place: root.Place,
            expected: "a list of messages, or an object with messages");
        string[] known = [.. lists, .. ConversationParts.Keys, .. OwnKeys];
        string[] others = [.. names.Except(known)];
        if (others.FirstOrDefault(n => !KnownKeys.IsHarmless(n)) is { } unknown)
            throw new BadInputException("a key that nothing is made of", unknown, root.Place, string.Join(", ", known),
                NearNames.Sentence(unknown, known, within: 2));
        JsonElement? Field(string key) => root[key].IsNull ? null : root[key].Element;
        var request = ConversationParts.Request(ConversationParts.WithSystem(MessageReader.Read(root[lists[0]].Element, lists[0]), Field),
            Field);
        return (request with { Now = Now(root), AddGenerationPrompt = root["add_generation_prompt"].Bool(false),
            ContinueFinalMessage = root["continue_final_message"].Bool(false) }, others);
    }

    private static T Guarded<T>(Func<T> read, string place)
    {
        try { return read(); }
        catch (BadInputException e) when (e.Place is null)
        {
            throw new BadInputException(e.Problem, e.Value, place, e.Expected, e.Remedy, e);
        }
    }

    /// <summary>Renders every case of `{now?, variables?, cases: […]}`, in order; one that fails answers `{error: {kind, message}}`.</summary>
    /// <exception cref="BadInputException">The input is malformed.</exception>
    public JsonArray Cases(string json, string place)
    {
        using var document = Parse(json, place);
        var root = new Node(document.RootElement, place);
        if (root.Element.ValueKind != JsonValueKind.Object) throw root.Wrong("an object with cases");
        var now = Now(root);
        var answers = new JsonArray();
        foreach (var item in root.Required("cases").Items())
        {
            if (item.Element.ValueKind != JsonValueKind.Object) throw item.Wrong("an object with template, messages or variables");
            var request = Request(item, now, root["variables"].IsNull ? [] : [root["variables"]]);
            JsonObject answer;
            try { answer = Answer(TemplateOf(item, request), request); }
            catch (TemplateException e) { answer = new JsonObject { ["error"] = new JsonObject { ["kind"] = Kind(e), ["message"] = e.Reason } }; }
            answers.Add((JsonNode)answer);
        }
        return answers;
    }

    private static JsonDocument Parse(string json, string place)
    {
        try { return Guarded(() => StrictJson.Parse(json, depth: 500), place); }
        catch (JsonException e) { throw new BadInputException($"the input is not JSON: {e.Message}", place: place, inner: e); }
    }

    private static string Kind(TemplateException e) => e.Kind.ToString().ToLowerInvariant();

    private static DateTime? Now(Node root)
    {
        if (root["now"].IsNull) return null;
        string text = root["now"].String();
        return DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var now) ? now : throw new BadInputException("the time cannot be read", text, root["now"].Place, "an ISO time such as 2024-07-26T12:34:56");
    }

    private ChatRequest Request(Node item, DateTime? now, Node[] shared)
    {
        var variables = Special();
        foreach (var source in item["variables"].IsNull ? shared : [.. shared, item["variables"]])
            foreach (var (variable, value) in source.Fields()) variables[variable] = value.Element;
        JsonElement? Given(string key) => item[key].IsNull ? null : item[key].Element;
        return new ChatRequest
        {
            Messages = Given("messages"), Tools = Given("tools"), Documents = Given("documents"), Variables = variables, Now = now ?? Now(item),
            AddGenerationPrompt = item["add_generation_prompt"].Bool(false), ContinueFinalMessage = item["continue_final_message"].Bool(false),
        };
    }

    private Dictionary<string, JsonElement> Special() => new(_specialTokens, StringComparer.Ordinal);

    /// <summary>The item's own template, the one given for all, or the model's.</summary>
    private ChatTemplate TemplateOf(Node item, ChatRequest request)
    {
        if (item.Element.ValueKind == JsonValueKind.Object && !item["template"].IsNull) return Compiled(item["template"].String(), "template");
        if (_choice.Value is not { } choice)
            throw new BadInputException(_tokenizer is null ? "there is no template" : "the model has no chat template", place: item.Place,
                remedy: "Give one with --template.");
        var chosen = request.Tools is not null && choice.WithTools is { } tools ? tools : choice.Template;
        return Compiled(chosen.Source, chosen.Place);
    }

    private ChatTemplate Compiled(string text, string called)
    {
        if (_compiled.TryGetValue(text, out var known)) return known;
        if (_compiled.Count > 1000) _compiled.Clear();
        return _compiled[text] = ChatTemplate.Parse(text, called);
    }

    private JsonObject Answer(ChatTemplate template, ChatRequest request)
    {
        var rendered = template.Render(request);
        var answer = new JsonObject
        {
            ["text"] = rendered.Text,
            ["generation"] = new JsonArray([.. rendered.Generation.Select(g => new JsonArray(g.Start, g.End))]),
        };
        if (_tokenizer is null) return answer;
        var encoding = _tokenizer.With().EncodeWithOffsets(rendered.Text, addSpecialTokens: false);
        answer["ids"] = List(encoding.Ids);
        answer["assistant_mask"] = List(GenerationMask.Of(encoding, rendered.Generation));
        return answer;
    }

    private static JsonArray List(IReadOnlyList<int> numbers) => new([.. numbers.Select(n => JsonValue.Create(n))]);
}
