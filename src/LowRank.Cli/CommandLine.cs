using System.CommandLine;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using LowRank.Cli.Verbs;
using LowRank.Tensors;

namespace LowRank.Cli;

/// <summary>The verbs, and what every one of them shares: errors as one clear message, exit codes, what stops them.</summary>
internal static class CommandLine
{
    private const int Stopped = 130;

    private static readonly CancellationTokenSource Interrupt = new();
    private static bool _watched;

    /// <summary>Set by the first Ctrl-C, SIGTERM or SIGHUP: work stops at the next safe point. Whoever asks for it watches it; before that,
    /// and at a second one, the process ends at once.</summary>
    public static CancellationToken Stop
    {
        get
        {
            _watched = true;
            return Interrupt.Token;
        }
    }

    /// <summary>What a verb does on Ctrl-C instead of stopping: true where it goes on, false where the process is to end at once.</summary>
    public static Func<bool>? OnInterrupt { get; set; }

    /// <summary>Parses and runs. 0 done, 1 failed, 2 bad input, 130 stopped by Ctrl-C, SIGTERM or SIGHUP.</summary>
    public static int Run(string[] args)
    {
        Console.OutputEncoding = new System.Text.UTF8Encoding(false);
        Console.CancelKeyPress += (_, e) =>
        {
            if (OnInterrupt is { } own)
            {
                e.Cancel = own();
                return;
            }
            e.Cancel = Interrupted("\nStopping at the next safe point; press Ctrl-C again to end at once.");
        };
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Terminated);
        using var hungUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, HungUp);
        var root = Root();
        var parsed = root.Parse(args);
        bool json = args.Contains("--json");
        if ((parsed.Errors.Count > 0 || ParseErrors.Swallowed(parsed).Any()) && !args.Any(a => a is "--help" or "-h" or "-?"))
            return Fail(2, ParseErrors.Of(root, parsed, args), json);
        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (BadInputException e) { return Fail(2, e, json); }
        catch (OperationCanceledException) { return Stopped; }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (Environment.GetEnvironmentVariable("LOWRANK_DEBUG") is not null) Console.Error.WriteLine(e);
            return Fail(1, new BadInputException(e.Message.Split('\n')[0]), json); // libtorch appends its own stack
        }
    }

    /// <summary>All verbs with their options.</summary>
    internal static RootCommand Root()
    {
        var root = new RootCommand("LowRank: adapt large models without retraining them.");
        foreach (var verb in (Command[])[QuickstartVerb.Create(), DataVerb.Create(), TrainVerb.Create(), EvalVerb.Create(), GenerateVerb.Create(), ChatVerb.Create(), LogitsVerb.Create(), TokenizeVerb.Create(), RenderVerb.Create(), MergeVerb.Create(), InspectVerb.Create(), PlanVerb.Create(), BenchVerb.Create(), DoctorVerb.Create()])
            root.Subcommands.Add(verb);
        return root;
    }

    // Whether work goes on to its next safe point.
    private static bool Interrupted(string? said)
    {
        if (!_watched || Interrupt.IsCancellationRequested) return false;
        if (said is not null) Console.Error.WriteLine(said);
        Interrupt.Cancel();
        return true;
    }

    private static void Terminated(PosixSignalContext context)
    {
        if (OnInterrupt is null) context.Cancel = Interrupted("Stopping at the next safe point.");
    }

    private static void HungUp(PosixSignalContext context)
    {
        if (!Console.IsErrorRedirected) Console.SetError(TextWriter.Null); // the terminal is gone
        if (!Console.IsOutputRedirected) Console.SetOut(TextWriter.Null);
        if (OnInterrupt is null) context.Cancel = Interrupted(null);
    }

    private static int Fail(int code, BadInputException e, bool json)
    {
        Console.Error.WriteLine("error: " + e.Message);
        if (!json) return code;
        JsonObject error = new()
        {
            ["message"] = e.Message, ["value"] = e.Value, ["place"] = e.Place, ["expected"] = e.Expected, ["remedy"] = e.Remedy,
        };
        try { Output.Json(new JsonObject { ["error"] = error }); }
        catch (BadInputException) { } // it was said to standard error
        return code;
    }
}
