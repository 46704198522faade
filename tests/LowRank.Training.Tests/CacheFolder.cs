using System.Runtime.CompilerServices;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

internal static class CacheFolder
{
    /// <summary>Tests leave the user's cache alone.</summary>
    [ModuleInitializer]
    internal static void Set() => Environment.SetEnvironmentVariable("LOWRANK_CACHE", Paths.Temporary());
}
