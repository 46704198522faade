using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>What is written at a place: a folder, by its word in the marker, or a file.</summary>
/// <param name="Name">The word, as in "the output is a model".</param>
/// <param name="IsFolder">Whether it is a folder, which gets a marker.</param>
public sealed record OutputKind(string Name, bool IsFolder = true)
{
    /// <summary>A run of `train`.</summary>
    public static readonly OutputKind Run = new("run");
    /// <summary>A checkpoint of a run.</summary>
    public static readonly OutputKind Checkpoint = new("checkpoint");
    /// <summary>An adapter in PEFT's form.</summary>
    public static readonly OutputKind Adapter = new("adapter");
    /// <summary>A model in Hugging Face's form.</summary>
    public static readonly OutputKind Model = new("model");
    /// <summary>What the quickstart leaves.</summary>
    public static readonly OutputKind Quickstart = new("quickstart");
    /// <summary>Tokenised rows of the cache.</summary>
    public static readonly OutputKind Tokens = new("tokens");
    /// <summary>Any other folder.</summary>
    public static readonly OutputKind Folder = new("folder");
    /// <summary>A single file.</summary>
    public static readonly OutputKind File = new("file", IsFolder: false);

    /// <summary>Whether a file is such a one by its content; null: any is.</summary>
    public Func<string, bool>? Fits { get; init; }

    /// <summary>Whether what stands at a place is nothing, empty or such a file, so that it may go when another is written; else it is
    /// kept.</summary>
    internal bool MayGo(string place)
        => Fits is null || !System.IO.File.Exists(place) || new FileInfo(place).Length == 0 || Fits(place);

    /// <summary>A GGUF file of a model.</summary>
    public static readonly OutputKind Gguf = File with { Name = "GGUF model", Fits = path => Found.At(path).Kind == FoundKind.GgufModel };
    /// <summary>Logits, as safetensors.</summary>
    public static readonly OutputKind Logits = File with { Name = "file of logits", Fits = path => HoldsOnly(path, "logits") };
    /// <summary>Rows of JSON that a verb writes.</summary>
    /// <param name="name">What they are.</param>
    /// <param name="keys">The keys of each.</param>
    public static OutputKind Rows(string name, params string[] keys)
        => File with { Name = name, Fits = path => BeginsWith(path, keys) };

    private static bool HoldsOnly(string path, string tensor)
    {
        try
        {
            using var file = SafetensorsFile.Open(path);
            return file.Names.SequenceEqual([tensor]);
        }
        catch (BadInputException) { return false; }
    }

    private static bool BeginsWith(string path, string[] keys)
    {
        try
        {
            return JsonNode.Parse(System.IO.File.ReadLines(path).First()) is JsonObject row
                && row.Select(p => p.Key).Order().SequenceEqual(keys.Order());
        }
        catch (Exception e) when (e is JsonException or ArgumentException or IOException) { return false; }
    }
}

/// <summary>Something that is read, and so is never written over.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="What">What it is to the user, such as "the adapter".</param>
public readonly record struct OutputSource(string Path, string What);
