using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using TorchSharp.Modules;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One trained tensor of an adapter.</summary>
/// <param name="Key">Its name in adapter_model.safetensors.</param>
/// <param name="Parameter">float32, trainable.</param>
/// <param name="Role">What it is.</param>
/// <param name="Module">The path of the module it belongs to.</param>
public sealed record AdapterParameter(string Key, Parameter Parameter, ParameterRole Role, string Module);

/// <summary>One adapted module, for listings.</summary>
/// <param name="Module">Its path.</param>
/// <param name="Rank">Rank of its factors.</param>
/// <param name="Scale">The factor of its delta at strength 1.</param>
public sealed record AdaptedModule(string Module, int Rank, double Scale);

/// <summary>A named adapter of a base model: its configuration and its trained tensors. Owned by its <see cref="AdapterHost"/>.</summary>
public sealed class Adapter
{
    internal const string KeyPrefix = "base_model.model.";

    private readonly List<AdapterLayer> _layers;
    private readonly LoraConfig _asked;

    internal Adapter(AdapterHost host, string name, LoraConfig asked, LoraConfig config, List<AdapterLayer> layers)
    {
        (Host, Name, _asked, Config, _layers) = (host, name, asked, config, layers);
        Parameters = [.. layers.SelectMany(l => l.Parameters.Select(p => new AdapterParameter($"{KeyPrefix}{l.Module}.{p.Suffix}", p.Parameter, p.Role, l.Module)))];
        Modules = [.. layers.Where(l => l.Rank > 0).Select(l => new AdaptedModule(l.Module, l.Rank, l.Scale))];
    }

    /// <summary>Its owner.</summary>
    public AdapterHost Host { get; }
    internal IReadOnlyList<AdapterLayer> Layers => _layers;
    internal bool Training { get; private set; }

    /// <summary>Its name on the host.</summary>
    public string Name { get; }
    /// <summary>What it was made with; targets and fan_in_fan_out as they were resolved.</summary>
    public LoraConfig Config { get; }
    /// <summary>Its trained tensors, in the model's module order.</summary>
    public IReadOnlyList<AdapterParameter> Parameters { get; }
    /// <summary>The modules that have its low-rank factors, in the model's order.</summary>
    public IReadOnlyList<AdaptedModule> Modules { get; }
    /// <summary>The size of its factors beside the layers they sit on.</summary>
    public AdapterSize Size => Host.Measure(this);
    /// <summary>The count of its trained numbers.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Parameter.NumberOfElements);

    /// <summary>Whether it acts in a forward pass: active at a strength other than 0, and no scope of its host says otherwise.</summary>
    public bool IsActing => Host.IsActing && Host.Active.Any(a => ReferenceEquals(a.Adapter, this) && a.Strength != 0);

    /// <summary>Keys of adapter_config.json in which another configuration would have made another adapter, with both values; names of the base and its revision make none.</summary>
    public IReadOnlyList<(string Key, string Own, string Other)> DifferencesFrom(LoraConfig other)
    {
        ArgumentNullException.ThrowIfNull(other);
        JsonObject own = _asked.ToJson(), resolved = Config.ToJson(), theirs = other.ToJson();
        return [.. theirs.Where(p => p.Key is not ("base_model_name_or_path" or "revision" or "task_type"))
            .Where(p => !JsonNode.DeepEquals(p.Value, own[p.Key]) && !JsonNode.DeepEquals(p.Value, resolved[p.Key]))
            .Select(p => (p.Key, Show(own[p.Key]), Show(p.Value)))];

        static string Show(JsonNode? value) => value?.ToJsonString() ?? "null";
    }

    /// <summary>A SHA-256 of what it computes: its tensors with their names, the tokens whose rows it trains, its scales. Two that have the
    /// same give the same results on the same base.</summary>
    public string Digest()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        using var scope = NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var layer in _layers) hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{layer.GetType().Name} {layer.Module} {layer.Rank} {layer.Scale:R}\n")));
        foreach (var tokens in _layers.OfType<TrainedTokens>())
            hash.AppendData(Encoding.UTF8.GetBytes($"{tokens.Module} {string.Join(',', tokens.Tokens)}\n"));
        foreach (var (key, parameter, _, _) in Parameters)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{key} {parameter.dtype} {string.Join(',', parameter.shape)}\n"));
            hash.AppendData(parameter.detach().cpu().contiguous().bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Switches dropout on (training) or off (evaluation, the state after Add and Load).</summary>
    public void SetTraining(bool training) => Training = training;

    /// <summary>Writes a PEFT folder: adapter_config.json and adapter_model.safetensors, whole or not at all.</summary>
    /// <param name="folder">The folder to make.</param>
    /// <param name="overwrite">Whether an existing one is replaced.</param>
    /// <param name="extra">Writes further files into the folder it is given, before that becomes visible.</param>
    /// <exception cref="BadInputException">It exists, or cannot be written.</exception>
    public void Save(string folder, bool overwrite = false, Action<string>? extra = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        AdapterFolder.Save(this, folder, overwrite, extra);
    }

    internal bool IsDisposed { get; private set; }

    internal void Dispose()
    {
        IsDisposed = true;
        foreach (var parameter in Parameters) parameter.Parameter.Dispose();
        foreach (var layer in _layers) layer.DisposeExtras();
    }
}
