using System.Text.Json;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>The weights of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.</summary>
public sealed class SafetensorsFolder : IWeightSource
{
    private readonly Dictionary<string, SafetensorsFile> _fileOf = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private SafetensorsFolder(string path) => Path = path;

    /// <summary>Opens all shards and checks that each holds exactly the tensors that the index says.</summary>
    /// <exception cref="BadInputException">Files are missing, malformed, or disagree with the index.</exception>
    public static SafetensorsFolder Open(string folder)
    {
        var result = new SafetensorsFolder(folder);
        try
        {
            string single = System.IO.Path.Combine(folder, "model.safetensors"), index = single + ".index.json";
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

    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (string name in file.Names)
            if (!_fileOf.TryAdd(name, file)) throw new BadInputException("two shards hold the same tensor", name, file.Path, remedy: "Download the model again.");
    }

    private void AddShards(string folder, string index)
    {
        Dictionary<string, string> map = [];
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(index));
            foreach (var entry in json.RootElement.GetProperty("weight_map").EnumerateObject())
                if (!map.TryAdd(entry.Name, entry.Value.GetString() ?? throw new InvalidOperationException($"null is no file name ({entry.Name})"))) throw new BadInputException("the index names a tensor twice", entry.Name, index);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the index is not what the format demands: " + e.Message, place: index, expected: "{\"weight_map\": {tensor: file}}");
        }
        foreach (string shard in map.Values.Distinct())
        {
            if (shard != System.IO.Path.GetFileName(shard)) throw new BadInputException("the index names a file outside its folder", shard, index);
            Add(SafetensorsFile.Open(System.IO.Path.Combine(folder, shard)));
        }
        string[] missing = [.. map.Where(m => !(_fileOf.TryGetValue(m.Key, out var f) && System.IO.Path.GetFileName(f.Path) == m.Value)).Select(m => $"{m.Key} (in {m.Value})")];
        string[] unexpected = [.. _fileOf.Keys.Where(n => !map.ContainsKey(n))];
        if (missing.Length + unexpected.Length > 0)
            throw new BadInputException($"the shards disagree with the index; missing: {string.Join(", ", missing.DefaultIfEmpty("none"))}; not in the index: {string.Join(", ", unexpected.DefaultIfEmpty("none"))}", place: index, remedy: "Download the model again.");
    }

    private static BadInputException Missing(string folder)
    {
        if (!Directory.Exists(folder)) return new("the model folder does not exist", place: folder);
        string? pickle = Directory.EnumerateFiles(folder).FirstOrDefault(f => System.IO.Path.GetExtension(f) is ".bin" or ".pt" or ".pth");
        return pickle is null
            ? new("the folder holds no weights", place: folder, expected: "model.safetensors or model.safetensors.index.json")
            : new("the weights are a pickle file, which can run code when it is read; only safetensors are read", System.IO.Path.GetFileName(pickle), folder, remedy: SafetensorsHeader.PickleRemedy);
    }
}
