using Xunit;

namespace LowRank.TestKit;

/// <summary>Where tests find their files.</summary>
public static class Paths
{
    /// <summary>The root of the checkout.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A file or folder committed under tests/goldens.</summary>
    public static string Golden(string relative) => Path.Combine(Root, "tests", "goldens", relative);

    /// <summary>A file or folder of the shared folder beside the checkout (real models and data, not committed); skips the test, with the reason, where it is absent.</summary>
    public static string Shared(string relative)
    {
        string path = Path.Combine(Environment.GetEnvironmentVariable("LOWRANK_SHARED") ?? Path.Combine(Root, "..", "shared"), relative);
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Skip($"needs the shared folder's {relative}, which is not beside this checkout (set LOWRANK_SHARED to its place)");
        return path;
    }

    /// <summary>A fresh temporary folder, removed when the tests have ended.</summary>
    public static string Temporary()
    {
        string folder = Directory.CreateTempSubdirectory("lowrank-test-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            try { if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // something still holds it: the system's own cleaning takes it
        };
        return folder;
    }

    private static string FindRoot()
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(Path.Combine(d.FullName, "LowRank.slnx"))) return d.FullName;
        throw new DirectoryNotFoundException("LowRank.slnx is in no folder above the tests");
    }
}
