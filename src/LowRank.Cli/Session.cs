using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text;
using static TorchSharp.torch;

namespace LowRank.Cli;

/// <summary>What most verbs work on: a model, its tokenizer if it has one, and the adapters given.</summary>
internal sealed class Session : IDisposable
{
    private readonly Lazy<Tokenizer> _tokenizer;

    private Session(string path, CausalLM model, AdapterHost host, IReadOnlyList<(string Name, string Path, double Strength)> adapters)
    {
        (Path, Model, Host, Adapters) = (path, model, host, adapters);
        _tokenizer = new(() => TokenizerOf(path));
    }

    /// <summary>The model's folder or file.</summary>
    public string Path { get; }
    /// <summary>The base.</summary>
    public CausalLM Model { get; }
    /// <summary>The owner of its adapters.</summary>
    public AdapterHost Host { get; }
    /// <summary>The adapters given, in order, all loaded and active.</summary>
    public IReadOnlyList<(string Name, string Path, double Strength)> Adapters { get; }
    /// <summary>The tokenizer; a model without one is an error only here.</summary>
    public Tokenizer Tokenizer => _tokenizer.Value;
    /// <summary>The tokenizer, or null where the model has none.</summary>
    public Tokenizer? TokenizerOrNull => HasTokenizer(Path) ? Tokenizer : null;

    /// <summary>Loads the model and every adapter of the command line.</summary>
    public static Session Open(CommonOptions common, ParseResult parsed)
    {
        var device = common.Prepare(parsed);
        return Open(ModelPlace.Of(common.RequireModel(parsed)), common.Adapters(parsed), Processor.ParseDType(parsed.GetValue(common.Dtype)!, device), device, common.Quantization(parsed));
    }

    /// <summary>Loads a model and adapters.</summary>
    public static Session Open(string path, IReadOnlyList<(string Path, double Strength)> adapters, ScalarType dtype, Device device, string? quantize = null)
    {
        var model = ModelLoader.Load(path, dtype, device, quantize);
        try
        {
            model.eval();
            var host = AdapterHost.Attach(model);
            var named = Names(adapters);
            foreach (var (name, folder, _) in named) host.Load(name, folder);
            if (named.Count > 0) host.Activate([.. named.Select(a => (a.Name, a.Strength))]);
            return new Session(path, model, host, named);
        }
        catch { model.Dispose(); throw; }
    }

    /// <summary>Whether a model has a tokenizer beside it.</summary>
    public static bool HasTokenizer(string path) => File.Exists(path) || Tokenizer.IsIn(path);

    /// <summary>A model's tokenizer, also of a folder that holds nothing else. It cuts and fills no text, whatever its file says: that is for whoever asks for a file's own cutting, not for training or generating.</summary>
    public static Tokenizer TokenizerOf(string path) => TokenizerAsWritten(path).With();

    /// <summary>The same with the truncation and padding that its file asks for.</summary>
    public static Tokenizer TokenizerAsWritten(string path)
    {
        if (!File.Exists(path)) return Tokenizer.FromFolder(path);
        if (path.EndsWith(".json", StringComparison.OrdinalIgnoreCase)) return Tokenizer.FromFile(path);
        using var gguf = GgufFile.Open(path);
        return Tokenizer.FromGguf(gguf.Metadata, path);
    }

    /// <summary>The tokens that end a text: the tokenizer's, else those of the model's own configuration.</summary>
    public static IReadOnlyList<int> EndIds(string path)
    {
        if (HasTokenizer(path) && TokenizerOf(path).EosIds is { Count: > 0 } ids) return ids;
        foreach (string name in (string[])["generation_config.json", "config.json"])
        {
            string file = System.IO.Path.Combine(path, name);
            if (!File.Exists(file)) continue;
            try
            {
                var eos = JsonFile.ReadObject(file)["eos_token_id"];
                if (eos is JsonArray list) return [.. list.Select(n => (int)n!)];
                if (eos is JsonValue value) return [(int)value];
            }
            catch (Exception e) when (e is InvalidOperationException or FormatException)
            {
                throw new BadInputException("eos_token_id cannot be read: " + e.Message, place: file, expected: "a whole number or a list of them", inner: e);
            }
        }
        return [];
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
