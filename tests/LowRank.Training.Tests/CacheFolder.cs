using System.Runtime.CompilerServices;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

internal static class CacheFolder
{
    private static readonly string Path = Paths.Temporary();

    /// <summary>How many files lie in it.</summary>
    internal static int Files => Directory.GetFiles(Path, "*", SearchOption.AllDirectories).Length;

    /// <summary>Tests leave the user's cache alone.</summary>
    [ModuleInitializer]
    internal static void Set() => Environment.SetEnvironmentVariable("LOWRANK_CACHE", Path);
}
