using System.Text.Json;

namespace Outlet.Tests;

/// <summary>All files of seed 7, written once for the whole run.</summary>
public sealed class Generated : IDisposable
{
    public Generated() => Program.Write(Folder, seed: 7);

    /// <summary>Where they lie.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("outlet-test-").FullName;

    /// <summary>The row files, by name.</summary>
    public static IReadOnlyList<string> RowFiles { get; } =
        ["corpus.jsonl", "base-eval.jsonl", "north-american/train.jsonl", "north-american/test.jsonl", "british/train.jsonl", "british/test.jsonl"];

    /// <summary>The rows of a file as a reader sees them: through a JSON parser.</summary>
    public IReadOnlyList<Row> Rows(string name) => [.. File.ReadLines(Path.Combine(Folder, name)).Select(Parse)];

    /// <summary>A JSON file's content.</summary>
    public JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, name))).RootElement;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static Row Parse(string line)
    {
        using var json = JsonDocument.Parse(line);
        return new Row(json.RootElement.GetProperty("prompt").GetString()!, json.RootElement.GetProperty("completion").GetString()!);
    }
}
