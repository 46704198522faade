using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates;

/// <summary>A chat template (Jinja as Transformers runs it), compiled once. Safe for several threads.</summary>
public sealed class ChatTemplate
{
    private readonly Tree _tree;

    private ChatTemplate(Tree tree) => _tree = tree;

    /// <summary>What errors call the template.</summary>
    public string Name => _tree.Source.Name;
    /// <summary>Whether the template marks the assistant's parts with {% generation %}.</summary>
    public bool MarksGeneration => _tree.MarksGeneration;

    /// <summary>Compiles a template.</summary>
    /// <exception cref="TemplateException">It does not compile.</exception>
    public static ChatTemplate Parse(string source, string name = "chat template") => new(Parser.Parse(new Source(source, name)));

    /// <summary>Renders a request.</summary>
    /// <exception cref="TemplateException">The template raised an error, or one of its limits was reached.</exception>
    public RenderedChat Render(ChatRequest request)
    {
        Run? run = null;
        try
        {
            var prepared = PreparedRequest.Of(request);
            run = new Run(_tree, prepared.Variables, request.Now ?? DateTime.Now);
            Runner.Template(run);
            return prepared.Cut(run.Result, run.Generation);
        }
        catch (TemplateException e)
        {
            var (line, column) = _tree.Source.Place(run?.Offset ?? 0);
            throw run is null ? e : e.At(Name, line, column);
        }
    }
}
