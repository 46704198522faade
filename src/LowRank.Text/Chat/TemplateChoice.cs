using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>Which template is used, out of a model's, a file, or another folder's.</summary>
/// <param name="Name">What errors call it.</param>
/// <param name="Source">Its text.</param>
/// <param name="WithTools">The one for requests with tools, where it is another.</param>
internal sealed record TemplateChoice(string Name, string Source, string? WithTools)
{
    private const string Default = "default", Tools = "tool_use";

    /// <summary>The choice; null where the model has no template and none was asked for.</summary>
    public static TemplateChoice? Of(Tokenizer tokenizer, string? choice)
    {
        var own = tokenizer.ChatTemplates;
        if (choice is null) return own.Count == 0 ? null : Usual(own, "chat template", "tokenizer_config.json");
        if (own.TryGetValue(choice, out string? named)) return new(choice, named, null);
        if (File.Exists(choice)) return new(choice, TemplateFiles.ReadText(choice), null);
        if (Directory.Exists(choice))
            return TemplateFiles.OfFolder(choice) is { Count: > 0 } found ? Usual(found, choice, choice) : throw new BadInputException("the folder has no chat template", place: choice, expected: "chat_template.jinja, or chat_template in tokenizer_config.json");
        throw new BadInputException("there is no such chat template", choice, "--template", own.Count == 0 ? "a template file, or a folder that has one" : $"a template file, a folder that has one, or a template of the model ({string.Join(", ", own.Keys)})", NearNames.Sentence(choice, own.Keys));
    }

    // As Transformers: "tool_use" for requests with tools where there is one, else "default".
    private static TemplateChoice Usual(IReadOnlyDictionary<string, string> templates, string name, string place)
    {
        string? tools = templates.Count > 1 ? templates.GetValueOrDefault(Tools) : null;
        if (templates.TryGetValue(Default, out string? usual)) return new(name, usual, tools);
        if (templates.Count == 1) return new(name, templates.Values.First(), null);
        throw new BadInputException("the model has several chat templates and none of them is the default", string.Join(", ", templates.Keys), place, remedy: "Choose one by its name.");
    }
}
