using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Files that lie beside data and hold no rows, though their names end as data's do.</summary>
internal static class Companions
{
    /// <summary>What the datasets library writes beside a saved data set's files.</summary>
    public const string State = "state.json";

    private static readonly string[] Names = [State, "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "croissant.json",
        "package.json", "package-lock.json"];

    // Before the first point or underscore or hyphen, in whatever case.
    private static readonly string[] Beginnings =
        ["license", "licence", "copying", "notice", "readme", "changelog", "changes", "citation", "authors", "contributing",
            "requirements", "manifest", "checksums", "sha256sums", "sha512sums", "md5sums", "robots"];

    /// <summary>Whether a file is one, by its name.</summary>
    public static bool Is(string path)
    {
        string name = Path.GetFileName(path).ToLowerInvariant(), ending = Path.GetExtension(name);
        if (Names.Contains(name)) return true;
        // results of map and filter
        if (ending == ".arrow") return name.StartsWith("cache-", StringComparison.Ordinal) || name.StartsWith("indices",
            StringComparison.Ordinal);
        if (ending != ".txt" && ending != ".json" && ending != ".csv") return false;
        string stem = Path.GetFileNameWithoutExtension(name);
        return Beginnings.Any(b => stem == b || (stem.StartsWith(b, StringComparison.Ordinal) && stem[b.Length] is '.' or '-' or '_'))
            || stem.EndsWith(".sha256", StringComparison.Ordinal) || stem.EndsWith(".md5", StringComparison.Ordinal);
    }

    /// <summary>Refuses a saved data set whose rows are not the ones of its files, or that lacks one of them.</summary>
    public static void CheckState(string folder, string state)
    {
        string path = Path.Combine(folder, state), own = Path.GetDirectoryName(path)!;
        JsonObject? tree = null;
        try { tree = FileType.OtherThanFile(path) is null ? JsonFile.Read(path) as JsonObject : null; }
        catch (BadInputException e) when (e.InnerException is JsonException or InvalidOperationException) { }
        if (tree is null) return; // not the library's
        foreach (string key in (string[])["_indices_data_files", "_indices_files"])
            if (tree[key] is JsonArray { Count: > 0 })
                throw new BadInputException("the data set is a selection of its files' rows, which is not applied", key, path,
                    remedy: "Save it anew with dataset.flatten_indices().save_to_disk(FOLDER).");
        foreach (var file in tree["_data_files"] as JsonArray ?? [])
            if (file is JsonObject entry && entry["filename"] is JsonValue value && value.TryGetValue(out string? name)
                && !File.Exists(Path.Combine(own, name)))
                throw new BadInputException("a file of the data set is missing", name, path, remedy: "Fetch or save it again.");
    }
}
