using System.CommandLine;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;
using static TorchSharp.torch;

namespace LowRank.Cli;

/// <summary>What most verbs work on: a model, its tokenizer if it has one, and the adapters given.</summary>
internal sealed class Session : IDisposable
{
    /// <summary>What --template means.</summary>
    public const string TemplateDescription
        = "a chat template: a .jinja file, a folder that has one, one of the model's by name, or none; else the adapter's own, or the model's";

    private readonly Lazy<Tokenizer> _tokenizer;

    private Session(string path, CausalLM model, AdapterHost host, IReadOnlyList<(string Name, string Path, double Strength)> adapters)
    {
        (Path, Model, Host, Adapters) = (path, model, host, adapters);
        _tokenizer = new(() => Text.Tokenizer.Of(path).With());
    }

    /// <summary>The model's folder or file.</summary>
    public string Path { get; }
    /// <summary>The base.</summary>
    public CausalLM Model { get; }
    /// <summary>The owner of its adapters.</summary>
    public AdapterHost Host { get; }
    /// <summary>The adapters given, in order, all loaded and active.</summary>
    public IReadOnlyList<(string Name, string Path, double Strength)> Adapters { get; }
    /// <summary>The tokenizer; a model without one is an error only here. It cuts and fills no text, whatever its file says.</summary>
    public Tokenizer Tokenizer => _tokenizer.Value;
    /// <summary>The tokenizer, or null where the model has none.</summary>
    public Tokenizer? TokenizerOrNull => Text.Tokenizer.IsOf(Path) ? Tokenizer : null;

    /// <summary>Loads the model and every adapter of the command line.</summary>
    public static Session Open(CommonOptions common, ParseResult parsed)
    {
        var device = common.Prepare(parsed);
        return Open(ModelPlace.Of(common.RequireModel(parsed)), common.Adapters(parsed), Processor.ParseDType(parsed.GetValue(common.Dtype)!, device), device, common.Quantization(parsed));
    }

    /// <summary>Loads a model and adapters.</summary>
    public static Session Open(string path, IReadOnlyList<(string Path, double Strength)> adapters, ScalarType dtype, Device device, string? quantize = null)
    {
        var model = LoadedModel.Open(path, dtype, device, quantize, adapters.Select(a => a.Path));
        try
        {
            model.eval();
            var host = AdapterHost.Attach(model, model.Spec.ModelType);
            var named = Names(adapters);
            foreach (var (name, folder, _) in named) host.Load(name, folder);
            if (named.Count > 0) host.Activate([.. named.Select(a => (a.Name, a.Strength))]);
            return new Session(path, model, host, named);
        }
        catch { model.Dispose(); throw; }
    }

    /// <summary>How texts are written for the model with adapters (null: all that were given); says what a person should know.</summary>
    /// <param name="template">The chat template named; null: the adapters', else the model's.</param>
    /// <param name="quiet">Whether nothing is said.</param>
    /// <param name="adapters">The adapters' folders.</param>
    /// <param name="place">What names the template.</param>
    public TextConventions Texts(string? template, bool quiet, IReadOnlyList<string>? adapters = null, string place = "--template")
    {
        var texts = TextConventions.Of(Path, adapters ?? [.. Adapters.Select(a => a.Path)], template, place, TokenizerOrNull);
        Output.Notices(texts, quiet);
        return texts;
    }

    /// <summary>Releases the model.</summary>
    public void Dispose()
    {
        Host.Detach();
        Model.Dispose();
    }

    private static List<(string Name, string Path, double Strength)> Names(IReadOnlyList<(string Path, double Strength)> adapters)
    {
        string Last(string p) => System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(p));
        return [.. adapters.Select(a => (adapters.Count(b => Last(b.Path) == Last(a.Path)) == 1 ? Last(a.Path) : a.Path, a.Path, a.Strength))];
    }
}
