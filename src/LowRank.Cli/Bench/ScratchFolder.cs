namespace LowRank.Cli.Bench;

/// <summary>A folder below the system's temporary one that goes when disposed of.</summary>
internal sealed class ScratchFolder : IDisposable
{
    /// <summary>Its place.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("lowrank-bench-").FullName;

    /// <summary>A path in it.</summary>
    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Deletes it.</summary>
#pragma warning disable RS0030 // a folder of a name that nobody else has
    public void Dispose() => Directory.Delete(Path, recursive: true);
#pragma warning restore RS0030
}
