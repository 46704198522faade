using LowRank.Training;
using Spectre.Console;

namespace LowRank.Cli;

/// <summary>Shows a run's progress: a live bar on a terminal, a line now and then where standard error is redirected. Rendered from the training loop itself, so no other thread allocates.</summary>
internal sealed class TrainingProgress
{
    private readonly int _total;
    private readonly bool _quiet;
    private readonly ProgressContext? _context;
    private readonly ProgressTask? _task;
    private readonly System.Diagnostics.Stopwatch _clock = System.Diagnostics.Stopwatch.StartNew();
    private int _first = -1;
    private double _nextLine;

    private TrainingProgress(int total, bool quiet, ProgressContext? context)
    {
        (_total, _quiet, _context) = (total, quiet, context);
        _task = context?.AddTask("training", maxValue: total);
    }

    /// <summary>Runs <paramref name="work"/> with a view that it reports to.</summary>
    public static void During(int total, bool quiet, Action<TrainingProgress> work)
    {
        if (quiet || !Output.IsInteractive)
        {
            work(new(total, quiet, null));
            return;
        }
        bool done = false;
        try
        {
            Output.Terminal.Progress().AutoRefresh(false).AutoClear(false)
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
                .Start(context =>
                {
                    work(new(total, quiet, context));
                    done = true;
                });
        }
        catch (IOException) when (done) { } // the terminal is gone; what was done counts
    }

    /// <summary>Shows a step.</summary>
    public void Show(StepLog log)
    {
        if (_quiet) return;
        if (_first < 0) _first = log.Step - 1;
        double elapsed = _clock.Elapsed.TotalSeconds;
        var left = TimeSpan.FromSeconds(elapsed / Math.Max(1, log.Step - _first) * (_total - log.Step));
        string text = FormattableString.Invariant($"step {log.Step}/{_total}  loss {log.Loss:0.0000}  lr {log.LearningRate:0.0e-0}  {log.TokensPerSecond:0} tokens/s  {left:hh\\:mm\\:ss} left");
        if (_task is not null) ToTerminal(() =>
        {
            _task.Description = text;
            _task.Value = log.Step;
            _context!.Refresh();
        });
        else if (elapsed >= _nextLine || log.Step == _total)
        {
            Console.Error.WriteLine(text);
            _nextLine = elapsed + 5;
        }
    }

    /// <summary>Shows an evaluation.</summary>
    public void Show(EvalLog log)
    {
        if (_quiet) return;
        string text = FormattableString.Invariant($"step {log.Step}: evaluation loss {log.Loss:0.0000}, perplexity {log.Sums.Perplexity ?? double.PositiveInfinity:0.00}");
        if (_task is not null) ToTerminal(() => Output.Terminal.WriteLine(text));
        else Console.Error.WriteLine(text);
    }

    // A terminal that is gone is no reason to lose the run.
    private static void ToTerminal(Action show)
    {
        try { show(); }
        catch (IOException) { }
    }
}
