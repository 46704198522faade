using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json.Nodes;
using LowRank.Cli.Verbs;
using LowRank.Tensors;

namespace LowRank.Cli;

/// <summary>The verbs, and what every one of them shares: errors as one clear message, exit codes, Ctrl-C.</summary>
internal static class CommandLine
{
    private static readonly CancellationTokenSource Interrupt = new();

    /// <summary>Set by the first Ctrl-C (work stops at the next safe point); a second one ends the process.</summary>
    public static CancellationToken Stop => Interrupt.Token;

    /// <summary>What a verb does on Ctrl-C instead of stopping: true where it goes on, false where the process is to end at once.</summary>
    public static Func<bool>? OnInterrupt { get; set; }

    /// <summary>Parses and runs. 0 done, 1 failed, 2 bad input, 130 stopped by Ctrl-C.</summary>
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
            e.Cancel = !Interrupt.IsCancellationRequested;
            if (e.Cancel) Console.Error.WriteLine("\nStopping at the next safe point; press Ctrl-C again to end at once.");
            Interrupt.Cancel();
        };
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
        catch (OperationCanceledException) { return 130; }
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
