using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace LowRank.TestKit;

/// <summary>Ends a process before its nth change to a folder, or lets that change fail: a small library in C put before libc
/// (`kill-shim.c`), made by the system's compiler. It goes by what is done, not by time.</summary>
public static class KillShim
{
    private static readonly Lazy<string?> Library = new(Compile);

    /// <summary>Whether every point is to be tried (LOWRANK_KILLS=all), not a sample.</summary>
    public static bool All => Environment.GetEnvironmentVariable("LOWRANK_KILLS") == "all";

    /// <summary>Points among <paramref name="count"/> that are tried: all, or a few spread evenly, the first and the last among
    /// them.</summary>
    public static IEnumerable<int> Points(int count, int few) => All || count <= few ? Enumerable.Range(1, count)
        : Enumerable.Range(0, few).Select(i => 1 + i * (count - 1) / (few - 1)).Distinct();

    /// <summary>Runs a process in which the shim counts what happens below a folder.</summary>
    /// <param name="start">The process.</param>
    /// <param name="below">The folder, a real path.</param>
    /// <param name="at">Before which change it ends; 0: never.</param>
    /// <param name="fails">Whether that change fails instead.</param>
    /// <param name="noExchange">Whether two folders cannot be exchanged in one step.</param>
    /// <returns>The exit code (137: it was ended) and, of a process that came to its end, how many changes there were.</returns>
    public static (int Code, int Count, string Error) Run(ProcessStartInfo start, string below, int at, bool fails = false,
        bool noExchange = false)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("the library that counts file operations is for Linux");
        if (Library.Value is not { } library)
        {
            Assert.Skip("needs a C compiler (cc) for the library that counts file operations");
            return default;
        }
        string counted = Path.Combine(Path.GetDirectoryName(library)!, $"count-{Guid.NewGuid():N}");
        foreach (string key in start.Environment.Keys.Where(k => k.StartsWith("TESTINGPLATFORM", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(key);
        (start.Environment["LD_PRELOAD"], start.Environment["KILL_BELOW"], start.Environment["KILL_COUNT"]) = (library, below, counted);
        start.Environment["KILL_AT"] = at.ToString(CultureInfo.InvariantCulture);
        if (fails) start.Environment["KILL_FAILS"] = "1";
        if (noExchange) start.Environment["KILL_NO_EXCHANGE"] = "1";
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using var process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(3)))
        {
            process.Kill();
            throw new TimeoutException("the process did not end within three minutes");
        }
        int count = File.Exists(counted) ? int.Parse(File.ReadAllText(counted), CultureInfo.InvariantCulture) : 0;
        return (process.ExitCode, count, error.Result + output.Result);
    }

    private static string? Compile()
    {
        string folder = Paths.Temporary(), library = Path.Combine(folder, "kill-shim.so");
        try
        {
            using var compiler = Process.Start(new ProcessStartInfo("cc", ["-shared", "-fPIC", "-O1", "-o", library,
                Path.Combine(Paths.Root, "tests", "LowRank.TestKit", "kill-shim.c"), "-ldl"]) { RedirectStandardError = true })!;
            string errors = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            if (compiler.ExitCode != 0) throw new InvalidOperationException(errors);
            return library;
        }
        catch (System.ComponentModel.Win32Exception) { return null; } // there is no compiler
    }
}
