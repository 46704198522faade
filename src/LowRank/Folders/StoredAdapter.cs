using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// A PEFT adapter folder, opened: its configuration and its tensors, in one file or in shards, by the keys that PEFT writes. What is wrong with the folder by itself, whatever the base,
/// is told here.
/// </summary>
public sealed class StoredAdapter : IDisposable
{
    /// <summary>The files' names.</summary>
    public const string ConfigName = "adapter_config.json", WeightsName = "adapter_model.safetensors";

    private readonly IWeightSource _file;
    private readonly Dictionary<string, string> _keys;

    private StoredAdapter(string folder, LoraConfig config, IWeightSource file, string path)
    {
        (Folder, Config, _file, Path) = (folder, config, file, path);
        _keys = AdapterKeys.Plain(file.Names, path);
    }

    /// <summary>Opens a folder.</summary>
    /// <exception cref="BadInputException">It is none, or its files are damaged, of another kind, or do not fit each other.</exception>
    public static StoredAdapter Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (Found.At(folder) is { Kind: FoundKind.HubCache } cache) folder = cache.Path;
        string config = System.IO.Path.Combine(folder, ConfigName), weights = System.IO.Path.Combine(folder, WeightsName);
        if (!File.Exists(config)) throw NotAnAdapter.At(folder);
        var read = LoraConfig.FromFile(config);
        bool whole = File.Exists(weights);
        if (!whole && !File.Exists(weights + ".index.json")) throw NotAnAdapter.Weightless(folder);
        IWeightSource file = whole ? SafetensorsFile.Open(weights) : SafetensorsFolder.Open(folder, WeightsName);
        try
        {
            var result = new StoredAdapter(folder, read, file, whole ? weights : weights + ".index.json");
            result.Check();
            return result;
        }
        catch { file.Dispose(); throw; }
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }
    /// <summary>adapter_config.json.</summary>
    public LoraConfig Config { get; }
    /// <summary>The file of the tensors, or the index of their shards.</summary>
    public string Path { get; }
    /// <summary>The tensors' keys as PEFT writes them.</summary>
    public IReadOnlyCollection<string> Names => _keys.Keys;
    /// <summary>Bytes of all tensors.</summary>
    public long Bytes => _keys.Values.Sum(_file.ByteLength);
    /// <summary>The largest rank that a tensor has; 0 where none has any.</summary>
    internal long LargestRank => Ranks().Select(r => r.Rank).DefaultIfEmpty().Max();

    /// <summary>The shape of a tensor; null where the key is absent.</summary>
    public long[]? Shape(string key) => _keys.TryGetValue(key, out string? name) ? _file.Shape(name) : null;
    /// <summary>The dtype's name in the file.</summary>
    public string DType(string key) => _file.DType(_keys[key]);
    /// <summary>A read-only view of a tensor, valid while this lives.</summary>
    public Tensor Get(string key) => _file.Get(_keys[key]);

    /// <summary>Unmaps the files.</summary>
    public void Dispose() => _file.Dispose();

    private void Check()
    {
        string[] empty = [.. _keys.Where(k => _file.Shape(k.Value)!.Contains(0)).Select(k => k.Value)];
        if (empty.Length > 0)
            throw new BadInputException("tensors without a number in them: the adapter was saved while DeepSpeed (ZeRO-3) or FSDP held its weights in parts",
                $"{empty.Length} of {_keys.Count} tensors, such as {empty[0]} {Shown(_file.Shape(empty[0])!)}", Path,
                remedy: "Save it again from the training, the weights gathered first: for DeepSpeed set stage3_gather_16bit_weights_on_model_save, or run zero_to_fp32.py over its checkpoint.");
        if (NotAnAdapter.Tensors(_file.Names, Path) is { } other) throw other;
        CheckRanks();
    }

    private void CheckRanks()
    {
        var wrong = Ranks().Where(r => r.Rank != Config.RankOf(r.Module)).ToList();
        List<BadInputException> errors = [];
        foreach (var group in wrong.GroupBy(r => (r.Rank, Said: Config.RankOf(r.Module))))
        {
            string where = group.Count() == Ranks().Count() ? "all modules" : $"{group.Count()} of {Ranks().Count()} modules, such as {group.First().Module}";
            errors.Add(new($"{ConfigName} says another rank than the tensors have", $"{group.Key.Said}, the tensors have {group.Key.Rank} in {where}", System.IO.Path.Combine(Folder, ConfigName),
                remedy: $"The two files are not of one save: take both from one, or set r (or rank_pattern) to {group.Key.Rank} if lora_alpha is the tensors' too."));
        }
        if (errors.Count > 0) throw BadInputException.All("the adapter's files do not fit each other", errors);
    }

    private IEnumerable<(string Module, long Rank)> Ranks()
        => from key in _keys.Keys
           let end = AdapterKeys.RankedByFirst.FirstOrDefault(e => key.EndsWith(e, StringComparison.Ordinal))
           where end is not null && Shape(key) is { Length: > 1 }
           let path = key[..^end.Length]
           select (path.StartsWith(Adapter.KeyPrefix, StringComparison.Ordinal) ? path[Adapter.KeyPrefix.Length..] : path, Shape(key)![0]);

    internal static string Shown(long[] shape) => "[" + string.Join(", ", shape) + "]";
}
