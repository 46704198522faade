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

    /// <summary>Whether a word stands anywhere in its source: a key that does not is hardly read.</summary>
    internal bool Mentions(string word)
    {
        string text = _tree.Source.Text;
        static bool Inside(char c) => char.IsLetterOrDigit(c) || c == '_';
        for (int at = 0; word.Length > 0 && (at = text.IndexOf(word, at, StringComparison.Ordinal)) >= 0; at++)
            if ((at == 0 || !Inside(text[at - 1])) && (at + word.Length == text.Length || !Inside(text[at + word.Length]))) return true;
        return false;
    }

    /// <summary>Whether a role stands in its source as a text: it has a place of its own for it.</summary>
    internal bool KnowsRole(string role) => _tree.Source.Text.Contains($"'{role}'", StringComparison.Ordinal)
        || _tree.Source.Text.Contains($"\"{role}\"", StringComparison.Ordinal);

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
