using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>PEFT's adapter folder: adapter_config.json and adapter_model.safetensors.</summary>
internal static class AdapterFolder
{
    public const string ConfigName = "adapter_config.json", WeightsName = "adapter_model.safetensors";

    public static void Save(Adapter adapter, string folder, bool overwrite)
    {
        using var scope = NewDisposeScope();
        var tensors = adapter.Parameters.Select(p => (p.Key, (Tensor)p.Parameter)).Concat(adapter.Host.BaseTensorsToSave(adapter)).OrderBy(t => t.Item1, StringComparer.Ordinal).ToList();
        AtomicFile.WriteFolder(folder, path =>
        {
            SafetensorsWriter.Write(Path.Combine(path, WeightsName), tensors, new Dictionary<string, string> { ["format"] = "pt" });
            AtomicFile.WriteText(Path.Combine(path, ConfigName), adapter.Config.ToJsonText() + "\n");
        }, overwrite, OutputKind.Adapter);
    }

    /// <summary>The configuration of a folder, after checking that it is one.</summary>
    public static LoraConfig ReadConfig(string folder)
    {
        if (!Directory.Exists(folder)) throw new BadInputException("the adapter folder does not exist", place: folder, remedy: NearFolders(folder));
        string config = Path.Combine(folder, ConfigName);
        if (!File.Exists(config))
        {
            string[] inside = [.. Directory.EnumerateDirectories(folder).Where(d => File.Exists(Path.Combine(d, ConfigName))).Order(StringComparer.Ordinal)];
            throw new BadInputException("the folder holds no adapter", place: folder, expected: ConfigName, remedy: inside.Length > 0 ? $"Adapters are in its folders: give {string.Join(" or ", inside)}." : null);
        }
        return LoraConfig.FromFile(config);
    }

    /// <summary>Copies the file's tensors into the adapter's parameters; everything that does not fit is one error.</summary>
    public static void Fill(Adapter adapter, string folder)
    {
        string path = Path.Combine(folder, WeightsName);
        if (!File.Exists(path)) throw NoWeights(folder);
        using var file = SafetensorsFile.Open(path);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var wanted = adapter.Parameters.ToDictionary(p => p.Key, p => (Tensor)p.Parameter, StringComparer.Ordinal);
        var baseTensors = adapter.Host.BaseTensorsInFile(adapter, key => file.Shape(key) is not null).ToDictionary(t => t.Key, t => t.Tensor, StringComparer.Ordinal);
        foreach (var (key, value) in AdapterHost.Mirrors(adapter)) baseTensors[key] = value; // checked below, once what they mirror is read
        var mirrored = AdapterHost.Mirrors(adapter).Select(m => m.Key).ToHashSet();
        var errors = Mismatches(file, wanted, baseTensors).ToList();
        if (errors.Count > 0)
            throw BadInputException.All("the adapter does not fit this base model", errors, path);
        CheckValues(file, key => !wanted.ContainsKey(key) && !mirrored.Contains(key), baseTensors);
        foreach (var (key, parameter) in wanted) parameter.copy_(file.Get(key));
        foreach (var (key, value) in AdapterHost.Mirrors(adapter))
            if (file.Shape(key) is not null && !SameBase(value, file.Get(key)))
                throw new BadInputException("the tied output layer's tensor differs from the embedding's", key, path, remedy: "Set ensure_weight_tying to false in adapter_config.json to keep the two apart.");
    }

    private static IEnumerable<BadInputException> Mismatches(SafetensorsFile file, Dictionary<string, Tensor> wanted, Dictionary<string, Tensor> baseTensors)
    {
        foreach (var (key, parameter) in wanted)
        {
            if (file.Shape(key) is not { } shape) yield return new("a tensor is missing", key, expected: Shape(parameter.shape), remedy: NearNames.Sentence(key, file.Names.Where(n => !wanted.ContainsKey(n))));
            else if (!shape.SequenceEqual(parameter.shape)) yield return new("a tensor has the wrong shape", $"{key} {Shape(shape)}", expected: Shape(parameter.shape), remedy: "The adapter was made for another base model.");
            else if (!IsFloat(file.DType(key))) yield return new("a tensor is not of floating point", $"{key} {file.DType(key)}", expected: "F32, F16, BF16 or F64");
        }
        foreach (string key in file.Names.Where(n => !wanted.ContainsKey(n)))
        {
            if (!baseTensors.TryGetValue(key, out var own)) yield return new("a tensor is unexpected", $"{key} {Shape(file.Shape(key)!)}", remedy: "The model has no such module, or the configuration does not ask for it.");
            else if (!file.Shape(key)!.SequenceEqual(own.shape)) yield return new("a tensor has the wrong shape", $"{key} {Shape(file.Shape(key)!)}", expected: Shape(own.shape), remedy: "The adapter was made for another base model.");
        }
    }

    private static void CheckValues(SafetensorsFile file, Func<string, bool> isBase, Dictionary<string, Tensor> baseTensors)
    {
        List<BadInputException> errors = [];
        foreach (string key in file.Names)
        {
            using var scope = NewDisposeScope();
            var values = file.Get(key).to_type(ScalarType.Float32);
            if (!values.isfinite().all().item<bool>()) errors.Add(new("a tensor holds NaN or infinity", key, remedy: "The training that made it diverged, or the file is damaged."));
            else if (isBase(key) && !SameBase(baseTensors[key], file.Get(key)))
                errors.Add(new("the base model's own weight differs from the copy in the adapter", key, expected: "the base the adapter was made for", remedy: "Load the base model named in the adapter's base_model_name_or_path."));
        }
        if (errors.Count > 0) throw BadInputException.All("the adapter cannot be used", errors, file.Path);
    }

    // Either may have been stored in the narrower dtype, so both are compared there.
    private static bool SameBase(Tensor own, Tensor stored)
    {
        var narrow = own.element_size() <= stored.element_size() ? own.dtype : stored.dtype;
        return own.to_type(narrow).to_type(ScalarType.Float32).sub(stored.to_type(narrow).to_type(ScalarType.Float32)).abs().max().item<float>() == 0;
    }

    private static bool IsFloat(string dtype) => dtype is "F32" or "F16" or "BF16" or "F64" || dtype.StartsWith("F8", StringComparison.Ordinal);

    private static BadInputException NoWeights(string folder)
        => File.Exists(Path.Combine(folder, "adapter_model.bin"))
            ? new("the adapter's weights are a pickle file, which can run code when it is read; only safetensors are read", "adapter_model.bin", folder,
                remedy: "Convert it once where it was made: safetensors.torch.save_file(torch.load('adapter_model.bin', weights_only=True), 'adapter_model.safetensors')")
            : new("the adapter's weights are missing", place: folder, expected: WeightsName);

    private static string? NearFolders(string folder)
        => Path.GetDirectoryName(Path.GetFullPath(folder)) is { } parent && Directory.Exists(parent)
            ? NearNames.Sentence(Path.GetFileName(folder), Directory.EnumerateDirectories(parent).Select(d => Path.GetFileName(d)!)) : null;

    private static string Shape(long[] shape) => "[" + string.Join(", ", shape) + "]";
}
