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
}

/// <summary>Something that is read, and so is never written over.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="What">What it is to the user, such as "the adapter".</param>
public readonly record struct OutputSource(string Path, string What);
