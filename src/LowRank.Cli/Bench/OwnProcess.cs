using System.Diagnostics;

namespace LowRank.Cli.Bench;

/// <summary>This program, started once more: its peak memory is then that of one piece of work.</summary>
internal static class OwnProcess
{
    /// <summary>Runs a verb to its end; standard error is shared, standard output comes back. Ended at once where stopped.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static (int Code, string Out) Run(IReadOnlyList<string> args, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        string program = Environment.ProcessPath!;
        bool isHost = Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase); // `dotnet LowRank.Cli.dll`, not the program's own executable
        ProcessStartInfo info = new(program, isHost ? [typeof(OwnProcess).Assembly.Location, .. args] : args) { RedirectStandardOutput = true };
        info.Environment["DOTNET_EnableDiagnostics"] = "0"; // the runtime's sockets in the temporary folder would outlive a process that is ended
        using var process = Process.Start(info)!;
        void End()
        {
            try { process.Kill(); }
            catch (InvalidOperationException) { } // it has ended by itself
        }
        using var stopped = stop.Register(End);
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        stop.ThrowIfCancellationRequested();
        return (process.ExitCode, text);
    }
}
