using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank;

/// <summary>What to tell of a place that was given as an adapter and is something else: what it is, and what to do with it.</summary>
internal static class NotAnAdapter
{
    private const string PeftFolder = $"a folder with {StoredAdapter.ConfigName} and {StoredAdapter.WeightsName}";
    private const string AsModel = "Give it as the model (--model).";
    private const string Fuse = "Fuse it where it was made (mlx_lm.fuse) and give the fused folder as the model, or convert it: lora_A is lora_a transposed, lora_B is lora_b transposed, lora_alpha is scale times rank.";

    /// <summary>A place without adapter_config.json.</summary>
    public static BadInputException At(string path)
    {
        var found = Found.At(path);
        return found.Kind switch
        {
            FoundKind.Nothing => Absent(path),
            FoundKind.Model => new("this is a model, not an adapter", place: path, expected: PeftFolder, remedy: AsModel),
            FoundKind.GgufAdapter => new("this is an adapter in GGUF, llama.cpp's format, which is not read", place: path, expected: PeftFolder, remedy: "Give the PEFT folder that it was converted from."),
            FoundKind.GgufModel or FoundKind.GgufPart => new($"this is {found.Words}, not an adapter", place: path, expected: PeftFolder, remedy: AsModel),
            FoundKind.GgufFolder => At(found.Choices[0]),
            FoundKind.Weights or FoundKind.File => File(path, found.Words),
            _ => Folder(path, found.Choices),
        };
    }

    /// <summary>A folder with a configuration and no weights where they belong.</summary>
    public static BadInputException Weightless(string folder)
    {
        string[] files = FolderList.FileNames(folder);
        if (files.FirstOrDefault(PickleFile.Is) is { } pickle)
            return new("the adapter's weights are a pickle file, which can run code when it is read; only safetensors are read", pickle, folder, remedy: PickleRemedy(pickle));
        string[] weights = [.. files.Where(f => f.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))];
        if (weights.Any(f => f.StartsWith("adapter_model-", StringComparison.Ordinal)))
            return new("the adapter's shards are there without their index", NameList.Of(weights), folder,
                StoredAdapter.WeightsName + ".index.json");
        if (files.FirstOrDefault(f => f.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) is { } gguf) return At(Path.Combine(folder, gguf));
        return new("the adapter's weights are missing", weights.Length == 0 ? null : "beside it lies " + NameList.Of(weights), folder,
            StoredAdapter.WeightsName);
    }

    /// <summary>mlx-lm's adapter_config.json, which has the same name; null: it is not.</summary>
    public static BadInputException? Mlx(string path, JsonObject config)
        => !config.ContainsKey("peft_type") && (config.ContainsKey("fine_tune_type") || config.ContainsKey("lora_parameters") || config.ContainsKey("lora_layers")) ? IsMlx(path) : null;

    /// <summary>Tensors that have no key of PEFT's; null: some have.</summary>
    public static BadInputException? Tensors(IReadOnlyCollection<string> names, string place)
    {
        if (names.Count == 0) return new("the file holds no tensors", place: place);
        if (names.Any(n => n.EndsWith(".lora_a", StringComparison.Ordinal))) return IsMlx(place);
        if (names.Any(n => n.Contains(".lora_down.", StringComparison.Ordinal) || n.Contains(".lora.down.", StringComparison.Ordinal)))
            return new("this adapter has the layout of kohya's scripts or diffusers, for image models", names.First(), place, "PEFT's keys (lora_A, lora_B)");
        return names.Any(n => AdapterKeys.EndOf(n) is not null || n.StartsWith(Adapter.KeyPrefix, StringComparison.Ordinal)) ? null
            : new("these are a model's weights, not an adapter's: no tensor is a low-rank factor", names.First(), place, "PEFT's keys (lora_A, lora_B)",
                "Give its folder as the model (--model), or save the adapter alone (save_pretrained of the PEFT model).");
    }

    private static BadInputException Absent(string path)
    {
        string[] beside = [];
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } parent && Directory.Exists(parent))
                beside = FolderList.Folders(parent);
        }
        catch (BadInputException) { } // then there is no hint
        return new("the adapter folder does not exist", place: path,
            remedy: NearNames.Sentence(Path.GetFileName(path), beside.Select(d => Path.GetFileName(d)!)));
    }

    private static BadInputException File(string path, string words)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (System.IO.File.Exists(Path.Combine(folder, StoredAdapter.ConfigName)))
            return new("an adapter is given as its folder, not as a file in it", Path.GetFileName(path), path, remedy: $"Give {folder}.");
        if (PickleFile.Is(path))
            return new("this is a pickle file, which can run code when it is read; only safetensors are read", place: path,
                remedy: PickleRemedy(path));
        if (!path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) return new($"this is {words}, no adapter", place: path, expected: PeftFolder);
        using var tensors = SafetensorsFile.Open(path);
        return Tensors(tensors.Names, path)
            ?? new("these are tensors without their configuration, so that rank, alpha and targets are not known", place: path, expected: PeftFolder,
                remedy: $"Put it into a folder as {StoredAdapter.WeightsName}, beside the {StoredAdapter.ConfigName} that it was saved with, and give the folder.");
    }

    private static BadInputException Folder(string folder, IReadOnlyList<string> below)
    {
        string[] inside = [.. FolderList.Folders(folder).Union(below)
            .Where(d => System.IO.File.Exists(Path.Combine(d, StoredAdapter.ConfigName))).Order(StringComparer.Ordinal)];
        if (inside.Length > 0)
            return new("the folder holds no adapter", place: folder, expected: StoredAdapter.ConfigName, remedy: $"Adapters are in its folders: give {string.Join(" or ", inside)}.");
        string[] files = FolderList.FileNames(folder);
        if (files.Contains("adapters.safetensors")) return IsMlx(folder);
        return new("the folder holds no adapter", files.Length == 0 ? "an empty folder" : NameList.Of(files), folder,
            StoredAdapter.ConfigName,
            files.Contains(StoredAdapter.WeightsName) ? "Its tensors say neither alpha nor method: copy the configuration that was saved with them." : null);
    }

    private static BadInputException IsMlx(string place)
        => new("this is an adapter of Apple's MLX (mlx-lm), whose configuration and tensors are laid out in another way", place: place, expected: "a PEFT folder", remedy: Fuse);

    private static string PickleRemedy(string path)
        => $"Convert it once where it was made: safetensors.torch.save_file(torch.load('{Path.GetFileName(path)}', weights_only=True), '{StoredAdapter.WeightsName}')";
}
