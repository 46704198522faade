using LowRank.Tensors;
using TorchSharp.Modules;

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

    internal Adapter(AdapterHost host, string name, LoraConfig config, List<AdapterLayer> layers)
    {
        (Host, Name, Config, _layers) = (host, name, config, layers);
        Parameters = [.. layers.SelectMany(l => l.Parameters.Select(p => new AdapterParameter($"{KeyPrefix}{l.Module}.{p.Suffix}", p.Parameter, p.Role, l.Module)))];
        Modules = [.. layers.Where(l => l.Rank > 0).Select(l => new AdaptedModule(l.Module, l.Rank, l.Scale))];
    }

    internal AdapterHost Host { get; }
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
    /// <summary>The count of its trained numbers.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Parameter.NumberOfElements);

    /// <summary>Switches dropout on (training) or off (evaluation, the state after Add and Load).</summary>
    public void SetTraining(bool training) => Training = training;

    /// <summary>Writes a PEFT folder: adapter_config.json and adapter_model.safetensors, whole or not at all.</summary>
    /// <param name="folder">The folder to make.</param>
    /// <param name="overwrite">Whether an existing one is replaced.</param>
    /// <param name="extra">Writes further files into the folder it is given, before that becomes visible.</param>
    /// <exception cref="BadInputException">It exists, or cannot be written.</exception>
    public void Save(string folder, bool overwrite = false, Action<string>? extra = null)
        => AdapterFolder.Save(this, folder, overwrite, extra);

    internal void Dispose()
    {
        foreach (var parameter in Parameters) parameter.Parameter.Dispose();
        foreach (var layer in _layers) layer.DisposeExtras();
    }
}
