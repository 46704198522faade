using System.Diagnostics;
using System.Text.Json.Nodes;

namespace LowRank.Cli.Tests;

/// <summary>The built program, run as a process of its own.</summary>
internal static class Program
{
    /// <summary>What a process said and how it ended.</summary>
    internal sealed record Outcome(int Code, string Out, string Error)
    {
        /// <summary>Standard output as one JSON document.</summary>
        public JsonNode Json => JsonNode.Parse(Out) ?? throw new InvalidDataException("null");

        /// <summary>The outcome itself, after checking that all went well.</summary>
        public Outcome Good()
        {
            Assert.True(Code == 0, $"exit code {Code}\n{Error}\n{Out}");
            return this;
        }
    }

    /// <summary>Runs to the end.</summary>
    public static Outcome Run(params string[] args) => Finish(Start(args));

    /// <summary>Starts, and returns at once.</summary>
    public static Process Start(params string[] args) => Start(null, args);

    /// <summary>Starts with further environment variables.</summary>
    public static Process Start(IReadOnlyDictionary<string, string>? environment, params string[] args)
    {
        var info = Info(args);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) info.Environment[name] = value;
        return Process.Start(info)!;
    }

    /// <summary>The process, not started yet.</summary>
    public static ProcessStartInfo Info(params string[] args)
    {
        ProcessStartInfo info = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [Path.Combine(AppContext.BaseDirectory, "LowRank.Cli.dll"), .. args])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        info.Environment["OMP_NUM_THREADS"] = "1"; // the same sums in the same order in every process
        info.Environment["DOTNET_TieredPGO"] = "0";
        return info;
    }

    /// <summary>Runs it in a shell, with standard streams redirected as that says.</summary>
    public static Outcome InShell(string redirection, params string[] arguments)
    {
        var info = Info(arguments);
        string command = string.Join(' ', ((string[])[info.FileName, .. info.ArgumentList]).Select(a => $"'{a}'"));
        var shell = Info();
        (shell.FileName, shell.Arguments) = ("/bin/sh", $"-c \"{command} {redirection}\"");
        shell.ArgumentList.Clear();
        return Finish(Process.Start(shell)!);
    }

    /// <summary>Waits for the end.</summary>
    public static Outcome Finish(Process process)
    {
        using (process)
        {
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(TimeSpan.FromMinutes(3)))
            {
                process.Kill();
                throw new TimeoutException("the program did not end within three minutes");
            }
            return new(process.ExitCode, output.Result, error.Result);
        }
    }
}
