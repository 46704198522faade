namespace LowRank.Cli.Bench;

/// <summary>A folder below the system's temporary one that goes when disposed of.</summary>
internal sealed class ScratchFolder : IDisposable
{
    /// <summary>Its place.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("lowrank-bench-").FullName;

    /// <summary>A path in it.</summary>
    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Deletes it.</summary>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
