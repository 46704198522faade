using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace LowRank.Tensors.Tests;

/// <summary>This test program as a child process that does one thing to a folder and ends, before any test framework is loaded.</summary>
internal static class KillChild
{
    private const string Deed = "LOWRANK_KILL_DEED", Folder = "LOWRANK_KILL_FOLDER";

    /// <summary>The process, not started yet.</summary>
    public static ProcessStartInfo Of(string deed, string folder)
    {
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, typeof(KillChild).Assembly.GetName().Name!)) { WorkingDirectory = folder };
        (start.Environment[Deed], start.Environment[Folder]) = (deed, folder);
        start.Environment["DOTNET_TieredPGO"] = "0";
        return start;
    }

#pragma warning disable CA2255 // the one moment that comes before the framework's own Main
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Act()
    {
        if (Environment.GetEnvironmentVariable(Deed) is not { } deed) return;
        string folder = Environment.GetEnvironmentVariable(Folder)!;
        try
        {
            if (deed == "hold")
            {
                using var held = OutputPlace.Claim(Path.Combine(folder, "run"), OutputKind.Run);
                File.WriteAllText(Path.Combine(folder, "ready"), "");
                Thread.Sleep(Timeout.Infinite);
            }
            KillScenario.All.Single(s => s.Name == deed).Act(folder);
            Environment.Exit(0);
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            Environment.Exit(3);
        }
    }
}
