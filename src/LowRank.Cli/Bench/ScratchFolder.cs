namespace LowRank.Cli.Bench;

/// <summary>A folder below the system's temporary one that goes when disposed of, or with the process where that is told to end.</summary>
internal sealed class ScratchFolder : IDisposable
{
    /// <summary>Makes it.</summary>
    public ScratchFolder()
    {
        Path = Directory.CreateTempSubdirectory("lowrank-bench-").FullName;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
    }

    /// <summary>Its place.</summary>
    public string Path { get; }

    /// <summary>A path in it.</summary>
    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Deletes it.</summary>
    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        Delete();
    }

    private void OnExit(object? sender, EventArgs e) => Delete();

    private void Delete()
    {
        try { if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true); }
        catch (IOException) { } // what another process still writes there: the system clears its temporary folder
    }
}
