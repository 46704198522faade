using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>The weights of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.</summary>
public sealed class SafetensorsFolder : IWeightSource
{
    private readonly Dictionary<string, SafetensorsFile> _fileOf = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private SafetensorsFolder(string path) => Path = path;

    /// <summary>Opens the one file, or all shards that the index names.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The file that holds all weights where there are no shards; their index has `.index.json` behind it.</param>
    /// <exception cref="BadInputException">Files are missing or malformed, or hold different values under one name.</exception>
    public static SafetensorsFolder Open(string folder, string name = "model.safetensors")
    {
        var result = new SafetensorsFolder(folder);
        try
        {
            string single = System.IO.Path.Combine(folder, name), index = single + ".index.json";
            if (File.Exists(single)) result.Add(SafetensorsFile.Open(single));
            else if (File.Exists(index)) result.AddShards(folder, index);
            else throw Missing(folder);
            return result;
        }
        catch { result.Dispose(); throw; }
    }

    /// <inheritdoc/>
    public string Path { get; }
    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _fileOf.Keys;
    /// <inheritdoc/>
    public long[]? Shape(string name) => _fileOf.GetValueOrDefault(name)?.Shape(name);
    /// <inheritdoc/>
    public string DType(string name) => FileOf(name).DType(name);
    /// <inheritdoc/>
    public long ByteLength(string name) => FileOf(name).ByteLength(name);
    /// <inheritdoc/>
    public Tensor Get(string name) => FileOf(name).Get(name);
    /// <inheritdoc/>
    public void Release(string name) => FileOf(name).Release(name);

    /// <summary>Unmaps all files.</summary>
    public void Dispose() => _files.ForEach(f => f.Dispose());

    private SafetensorsFile FileOf(string name)
        => _fileOf.GetValueOrDefault(name) ?? throw new BadInputException("the model has no such tensor", name, Path, remedy: NearNames.Sentence(name, Names));

    // A tensor that two shards hold alike is no contradiction.
    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (string name in file.Names)
            if (!_fileOf.TryAdd(name, file) && !Same(_fileOf[name], file, name))
                throw new BadInputException("two shards hold the same tensor with different values", name, $"{_fileOf[name].Path}, {System.IO.Path.GetFileName(file.Path)}",
                    "one of them", "One of the files belongs to another version of the model: download both again.");
    }

    private static bool Same(SafetensorsFile one, SafetensorsFile other, string name)
    {
        if (one.DType(name) != other.DType(name) || !one.Shape(name)!.AsSpan().SequenceEqual(other.Shape(name))) return false;
        bool same = one.SameBytes(other, name);
        one.Release(name);
        other.Release(name);
        return same;
    }

    // As in Transformers the index only says which files there are: what they hold counts, and what a model needs and no file holds is missed when it is looked for.
    private void AddShards(string folder, string index)
    {
        if (JsonFile.ReadObject(index)["weight_map"] is not JsonObject map || map.Any(m => m.Value is not JsonValue value || !value.TryGetValue(out string? _)))
            throw new BadInputException("the index is not what the format demands", place: index, expected: "{\"weight_map\": {tensor: file}}", remedy: "Download it again.");
        string root = System.IO.Path.GetFullPath(folder);
        HashSet<string> shards = new(StringComparer.Ordinal);
        foreach (var (_, value) in map)
        {
            string name = value!.GetValue<string>();
            if (name.Contains('\0')) throw new BadInputException("the index names a file that cannot be: no name holds a null character",
                value.ToJsonString(), index, remedy: "Download it again.");
            string full = System.IO.Path.GetFullPath(System.IO.Path.Combine(root, name));
            if (System.IO.Path.GetDirectoryName(full) != root.TrimEnd(System.IO.Path.DirectorySeparatorChar)) throw new BadInputException("the index names a file outside its folder", name, index);
            shards.Add(System.IO.Path.GetFileName(full));
        }
        string[] absent = [.. shards.Where(s => !File.Exists(System.IO.Path.Combine(folder, s)))];
        if (absent.Length > 0)
            throw new BadInputException("the index names files that are not there", string.Join(", ", absent), index, remedy: "The model is incomplete: download what is missing.");
        foreach (string shard in shards) Add(SafetensorsFile.Open(System.IO.Path.Combine(folder, shard)));
    }

    // Transformers takes no other names either: so what is there is named, and what makes it a model.
    private static BadInputException Missing(string folder)
    {
        if (!Directory.Exists(folder)) return new("the model folder does not exist", place: folder);
        string[] files = FolderList.FileNames(folder);
        string[] weights = [.. files.Where(f => f.EndsWith(".safetensors", StringComparison.Ordinal))], gguf = [.. files.Where(f => f.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))];
        string? pickle = files.FirstOrDefault(PickleFile.Is);
        if (weights.Any(f => f.StartsWith("model-", StringComparison.Ordinal)))
            return new("the model's shards are there without their index", NameList.Of(weights), folder, "model.safetensors.index.json",
                "Download model.safetensors.index.json of the same repository.");
        if (weights.Length > 0)
            return new("the weights have a name that Transformers does not look for", NameList.Of(weights), folder,
                "model.safetensors or model.safetensors.index.json",
                "Rename the file to model.safetensors if its tensors have Hugging Face's names (`lowrank inspect FILE` lists them), else take the model's Hugging Face files.");
        if (gguf.Length > 0) return new("the folder's weights are GGUF files", NameList.Of(gguf), folder, "model.safetensors",
            "Give one of these files as the model.");
        return pickle is null
            ? new("the folder holds no weights", place: folder, expected: "model.safetensors or model.safetensors.index.json")
            : new("the weights are a pickle file, which can run code when it is read; only safetensors are read", pickle, folder, remedy: SafetensorsHeader.PickleRemedy);
    }
}
