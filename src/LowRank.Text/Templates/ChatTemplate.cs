namespace LowRank.Text.Templates;

/// <summary>A chat template (Jinja as Transformers runs it), compiled once. Safe for several threads.</summary>
public sealed class ChatTemplate
{
    private ChatTemplate(string name) => Name = name;

    /// <summary>What errors call the template.</summary>
    public string Name { get; }
    /// <summary>Whether the template marks the assistant's parts with {% generation %}.</summary>
    public bool MarksGeneration { get; }

    /// <summary>Compiles a template.</summary>
    /// <exception cref="TemplateException">It does not compile.</exception>
    public static ChatTemplate Parse(string source, string name = "chat template") => new(name);

    /// <summary>Renders a request.</summary>
    /// <exception cref="TemplateException">The template raised an error, or one of its limits was reached.</exception>
    public RenderedChat Render(ChatRequest request) => new("", []);
}
