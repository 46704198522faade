namespace LowRank.Tensors;

/// <summary>What can lie at a path that was given as a model or an adapter.</summary>
public enum FoundKind
{
    /// <summary>Nothing.</summary>
    Nothing,
    /// <summary>A folder with config.json.</summary>
    Model,
    /// <summary>A folder with adapter_config.json and no config.json.</summary>
    Adapter,
    /// <summary>A folder that a training run was written to.</summary>
    Run,
    /// <summary>A folder of Hugging Face's cache, models--OWNER--NAME.</summary>
    HubCache,
    /// <summary>A folder without config.json that holds GGUF files.</summary>
    GgufFolder,
    /// <summary>Another folder.</summary>
    Folder,
    /// <summary>A GGUF file with a model.</summary>
    GgufModel,
    /// <summary>A GGUF file with a part of a model.</summary>
    GgufPart,
    /// <summary>A GGUF file with an adapter.</summary>
    GgufAdapter,
    /// <summary>A safetensors file.</summary>
    Weights,
    /// <summary>Another file.</summary>
    File,
}

/// <summary>What lies at a path, told by its content: the one place that model, adapter and inspection ask before they open something.</summary>
/// <param name="Kind">What is there.</param>
/// <param name="Words">The same for messages: "an adapter folder", "part 2 of 3 of a split GGUF model".</param>
/// <param name="Path">Where the thing itself lies: the snapshot of a cache folder, the only GGUF model of a folder; else the path given.</param>
/// <param name="Choices">What of it could be given instead, where there are several or the thing itself is one level below.</param>
public sealed record Found(FoundKind Kind, string Words, string Path, IReadOnlyList<string> Choices)
{
    private const int MostChoices = 20;

    /// <summary>Looks at a path.</summary>
    /// <exception cref="BadInputException">It is a folder that cannot be read.</exception>
    public static Found At(string path)
    {
        if (System.IO.File.Exists(path)) return OfFile(path);
        if (!Directory.Exists(path)) return new(FoundKind.Nothing, "nothing", path, []);
        if (Has("config.json")) return new(FoundKind.Model, "a model folder", path, []);
        if (Has("adapter_config.json")) return new(FoundKind.Adapter, "an adapter folder", path, []);
        if (Has("run.yaml")) return new(FoundKind.Run, "a run folder", path, Below("model", "base", "adapter"));
        if (Directory.Exists(System.IO.Path.Combine(path, "snapshots"))) return OfCache(path);
        string[] cached = [.. FolderList.Folders(path)
            .Where(f => System.IO.Path.GetFileName(f).StartsWith("models--", StringComparison.Ordinal)).Take(MostChoices)];
        if (cached.Length > 0) return new(FoundKind.Folder, "Hugging Face's cache of several models", path, cached);
        string[] gguf = [.. FolderList.Files(path, "*.gguf").Take(MostChoices)];
        if (gguf.Length == 0) return new(FoundKind.Folder, "a folder", path, []);
        string[] models = [.. gguf.Where(f => OfFile(f).Kind == FoundKind.GgufModel)];
        return new(FoundKind.GgufFolder, "a folder of GGUF files", models.Length == 1 ? models[0] : path, gguf);

        bool Has(string name) => System.IO.File.Exists(System.IO.Path.Combine(path, name));
        string[] Below(params string[] names) => [.. names.Select(n => System.IO.Path.Combine(path, n)).Where(Directory.Exists)];
    }

    private static Found OfFile(string path)
    {
        if (FileType.OtherThanFile(path) is { } other) return new(FoundKind.File, other, path, []);
        if (IsGguf(path)) return OfGguf(path);
        if (StandIn.At(path) is var (what, _)) return new(FoundKind.File, what.Replace("this is ", "", StringComparison.Ordinal), path, []);
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        return path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)
            ? new(FoundKind.Weights, "a file of weights", path, [folder])
            : new(FoundKind.File, "a file", path, System.IO.Path.GetFileName(path)
                is "config.json" or "adapter_config.json" or "model.safetensors.index.json" ? [folder] : []);
    }

    private static bool IsGguf(string path)
    {
        try
        {
            using var stream = System.IO.File.OpenRead(path);
            var start = new byte[4];
            return stream.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && start.AsSpan().SequenceEqual("GGUF"u8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
    }

    // What is wrong in a header is told by whoever opens the file.
    private static Found OfGguf(string path)
    {
        try
        {
            using var file = GgufFile.Open(path, lists: false);
            if (file.Metadata.GetValueOrDefault("general.type") is "adapter")
                return new(FoundKind.GgufAdapter, "an adapter in GGUF", path, []);
            if (GgufSplit.Of(file) is { } split) return new(FoundKind.GgufPart, split.Words, path, split.First is { } first ? [first] : []);
        }
        catch (BadInputException) { }
        return new(FoundKind.GgufModel, "a GGUF model", path, []);
    }

    // refs/main names the snapshot that the library itself would take.
    private static Found OfCache(string path)
    {
        string snapshots = System.IO.Path.Combine(path, "snapshots"), main = System.IO.Path.Combine(path, "refs", "main");
        string[] all = FolderList.Folders(snapshots);
        string? named = null;
        try { named = System.IO.File.Exists(main) ? System.IO.Path.Combine(snapshots, System.IO.File.ReadAllText(main).Trim()) : null; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException) { } // then it is asked which one
        string? one = named is not null && all.Contains(named) ? named : all.Length == 1 ? all[0] : null;
        return new(FoundKind.HubCache, "a folder of Hugging Face's cache", one is null ? path : At(one).Path, all);
    }
}
