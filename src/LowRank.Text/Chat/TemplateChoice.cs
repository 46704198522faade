using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>Which template is used, out of a model's, a file, or another folder's.</summary>
/// <param name="Template">It.</param>
/// <param name="WithTools">The one for requests with tools, where it is another.</param>
internal sealed record TemplateChoice(TemplateText Template, TemplateText? WithTools)
{
    public const string Default = "default", Tools = "tool_use";
    /// <summary>The choice of doing without a template.</summary>
    public const string None = "none";

    /// <summary>The choice; null where the model has no template and none was asked for, or none is wanted.</summary>
    /// <param name="tokenizer">Has the model's.</param>
    /// <param name="choice">A name, a file, a folder, <see cref="None"/>; null: the model's usual one.</param>
    /// <param name="place">The option or setting that chooses.</param>
    public static TemplateChoice? Of(Tokenizer tokenizer, string? choice, string place)
    {
        var own = tokenizer.Templates;
        if (choice is null) return Usual(own);
        if (own.TryGetValue(choice, out var named)) return new(named, null);
        if (choice == None) return null;
        if (File.Exists(choice)) return OfFile(choice);
        if (Directory.Exists(choice))
            return Usual(TemplateFiles.OfFolder(choice)) ?? throw new BadInputException("the folder has no chat template", choice, place,
                "chat_template.jinja, or chat_template in tokenizer_config.json");
        string expected = own.Count == 0 ? "a template file, or a folder that has one"
            : $"a template file, a folder that has one, or a template of the model ({string.Join(", ", own.Keys)})";
        throw new BadInputException("there is no such chat template", choice, place, expected, NearNames.Sentence(choice, own.Keys));
    }

    /// <summary>A file's.</summary>
    public static TemplateChoice OfFile(string file) => new(new(TemplateFiles.ReadText(file), file), null);

    /// <summary>As Transformers: "tool_use" for requests with tools where it is there, else "default"; null where there are none.</summary>
    public static TemplateChoice? Usual(IReadOnlyDictionary<string, TemplateText> templates)
    {
        if (templates.Count == 0) return null;
        TemplateText? tools = templates.Count > 1 && templates.TryGetValue(Tools, out var found) ? found : null;
        if (templates.TryGetValue(Default, out var usual)) return new(usual, tools);
        if (templates.Count == 1) return new(templates.Values.First(), null);
        throw new BadInputException("there are several chat templates and none of them is the default", string.Join(", ", templates.Keys),
            templates.Values.First().Place, remedy: "Choose one by its name.");
    }

    /// <summary>Whether both write every conversation alike.</summary>
    public bool SameAs(TemplateChoice? other) => other is not null && other.Identity == Identity;

    /// <summary>The texts, as one.</summary>
    public string Identity => JsonSerializer.Serialize(new[] { Template.Source, WithTools?.Source });
}
