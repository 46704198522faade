using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>
/// How texts are written for a model with the adapters on it: its tokenizer, the chat template, and the tokens that end a text. All that
/// trains, evaluates or generates asks here, so that all of it agrees.
/// </summary>
public sealed class TextConventions
{
    private TextConventions(string model, Tokenizer? tokenizer) => (Model, Tokenizer) = (model, tokenizer);

    /// <summary>The model's folder or file.</summary>
    public string Model { get; }
    /// <summary>The model's tokenizer; null where it has none.</summary>
    public Tokenizer? Tokenizer { get; }
    /// <summary>Conversations as the model was shown them; null where there is no template.</summary>
    public ChatEncoder? Chat { get; private init; }
    /// <summary>
    /// The tokens that end a text, the one to train on first: the tokenizer's, those of the model's configuration, the one behind a turn of
    /// the template, the adapters'.
    /// </summary>
    public IReadOnlyList<int> EndIds { get; private init; } = [];
    /// <summary>What a person should know: whose template is used if not the model's; what of an adapter's folder cannot be followed.</summary>
    public IReadOnlyList<string> Notices { get; private init; } = [];
    /// <summary>Equal where a conversation is written alike; where a template asks for the date, that counts beside it.</summary>
    public string Identity => Choice is null ? ""
        : JsonSerializer.Serialize(new { Choice.Identity, tokens = SpecialTokens.OrderBy(t => t.Key, StringComparer.Ordinal) });
    /// <summary>Where the template stands; null where there is none.</summary>
    public string? TemplatePlace => Choice?.Template.Place;

    /// <summary>Whether a template that is used, and all ends, are those that the model alone has.</summary>
    public bool AreTheModels { get; private init; } = true;

    internal TemplateChoice? Choice { get; private init; }
    internal IReadOnlyDictionary<string, JsonElement> SpecialTokens { get; private init; } = new Dictionary<string, JsonElement>();

    /// <summary>Those of a model and adapters. A template of the adapters' own stands in for the model's, unless one is named.</summary>
    /// <param name="model">The folder, a .gguf file, or a tokenizer.json.</param>
    /// <param name="adapters">Their folders.</param>
    /// <param name="template">The template named: one of the model's, a file, a folder that has one, "none"; null: none is named.</param>
    /// <param name="place">The option or setting that names it.</param>
    /// <param name="tokenizer">The model's tokenizer, where it is read already.</param>
    /// <exception cref="BadInputException">A file or the template is faulty, adapters disagree, one is for another vocabulary.</exception>
    public static TextConventions Of(
        string model, IReadOnlyList<string>? adapters = null, string? template = null, string place = "--template",
        Tokenizer? tokenizer = null)
    {
        tokenizer ??= Tokenizer.IsOf(model) ? Tokenizer.Of(model) : null;
        List<AdapterTexts> brought = [.. (adapters ?? []).Where(Directory.Exists).Select(folder => new AdapterTexts(folder))];
        if (tokenizer is null)
        {
            if (template is not (null or TemplateChoice.None))
                throw new BadInputException("a chat template needs a tokenizer, and the model has none", template, place,
                    remedy: "Leave it out, or add the model's tokenizer.json.");
            return new(model, null) { EndIds = [.. NumberedRoles.Of(model, "eos").Union(brought.SelectMany(b => b.EndIds(null)))] };
        }
        List<string> notices = [.. brought.SelectMany(b => (string?[])[b.CompareVocabulary(tokenizer, model), b.Unreachable(tokenizer)])
            .OfType<string>()];
        var (choice, of) = Chosen(tokenizer, brought, template, place, notices);
        var special = Joined(tokenizer, of?.SpecialTokens);
        var chat = choice is null ? null : ChatEncoder.Of(tokenizer, choice, special, place);
        IReadOnlyList<int> ends = [.. tokenizer.EosIds.Concat(chat?.EndIds ?? []).Union(brought.SelectMany(b => b.EndIds(tokenizer)))];
        return new(model, tokenizer)
        {
            Chat = chat, Choice = choice, SpecialTokens = special, Notices = notices, EndIds = ends,
            AreTheModels = (choice is null || IsUsual(tokenizer, choice)) && ends.All((chat?.EndIds ?? tokenizer.EosIds).Contains),
        };
    }

    /// <summary>The encoder of conversations.</summary>
    /// <exception cref="BadInputException">There is no template.</exception>
    public ChatEncoder RequireChat()
        => Chat ?? throw new BadInputException("the model has no chat template, so it is not known how it was shown conversations",
            place: Model, expected: "chat_template.jinja, chat_template in tokenizer_config.json, or tokenizer.chat_template in a GGUF file",
            remedy: "Give one with --template FILE.jinja, or give texts: `lowrank generate --prompt`.");

    /// <summary>Writes template and end ids into an adapter's or a model's folder; what that says alike already stays.</summary>
    public void Save(string folder)
    {
        if (Choice is not null && !Choice.SameAs(Existing(folder))) TemplateFiles.Write(folder, Choice);
        ConventionFiles.WriteEndIds(folder, EndIds, Tokenizer);
        if (Tokenizer is not null) ConventionFiles.WriteSpecialTokens(folder, Tokenizer.SpecialTokens, SpecialTokens);
    }

    private static TemplateChoice? Existing(string folder)
    {
        try { return TemplateChoice.Usual(TemplateFiles.OfFolder(folder)); }
        catch (BadInputException) { return null; } // several without a usual one: this one becomes it
    }

    // The template, and the adapter whose names of special tokens go with it.
    private static (TemplateChoice? Choice, AdapterTexts? Of) Chosen(
        Tokenizer tokenizer, List<AdapterTexts> brought, string? template, string place, List<string> notices)
    {
        var own = brought.Where(b => b.Choice is not null).DistinctBy(b => b.Choice!.Identity).ToList();
        if (template is not null)
        {
            var named = TemplateChoice.Of(tokenizer, template, place);
            foreach (var b in own)
                if (!b.Choice!.SameAs(named))
                    notices.Add($"{b.Choice.Template.Place}, which the adapter was trained with, is not used: {place} names another one.");
            return (named, brought.FirstOrDefault(b => named is not null && b.Choice?.SameAs(named) == true));
        }
        if (own.Count == 0) return (TemplateChoice.Of(tokenizer, null, place), null);
        if (own.Count > 1)
            throw new BadInputException("the adapters were trained with different chat templates",
                string.Join(", ", own.Select(b => b.Choice!.Template.Place)), place, "one for all of them",
                $"Name the one to use with {place}, or use fewer adapters.");
        var adapters = own[0];
        string? differs = tokenizer.Templates.Count == 0 ? "the model has none"
            : IsUsual(tokenizer, adapters.Choice!) ? null : "it differs from the model's";
        if (differs is not null) notices.Add($"The chat template is the adapter's own, {adapters.Choice!.Template.Place}; {differs}.");
        return (adapters.Choice, adapters);
    }

    private static bool IsUsual(Tokenizer tokenizer, TemplateChoice choice)
        => (tokenizer.Templates.Count == 1 || tokenizer.Templates.ContainsKey(TemplateChoice.Default))
            && choice.SameAs(TemplateChoice.Usual(tokenizer.Templates));

    // Names of tokens that the tokenizer does not have would stand in the text as letters.
    private static IReadOnlyDictionary<string, JsonElement> Joined(Tokenizer tokenizer, IReadOnlyDictionary<string, JsonElement>? over)
    {
        if (over is null or { Count: 0 }) return tokenizer.SpecialTokens;
        var joined = new Dictionary<string, JsonElement>(tokenizer.SpecialTokens, StringComparer.Ordinal);
        foreach (var (name, text) in over)
            if (tokenizer.IdOf(text.GetString()!) is not null) joined[name] = text;
        return joined;
    }
}
