using LowRank.Bench;
using LowRank.Tensors;

MemorySettings.Apply();

// Plain measurements: a stopwatch, the best of several runs, and ratios between numbers of one run. bench/README.md tells how to read them.
switch (args)
{
    case ["packing", .. var rest] when rest.Length < 3 && Number(rest.FirstOrDefault("2")) is { } passes: TorchThread.Shared.Run(() => PackingBench.Run(passes, rest.ElementAtOrDefault(1))); return 0;
    case ["tokenizer"]: TokenizerBench.Run(null); return 0;
    case ["tokenizer", var text]: TokenizerBench.Run(text); return 0;
    case ["render"]: RenderBench.Run(); return 0;
    case ["kernels"]: KernelBench.Run(); return 0;
    case ["plan", .. var names]: return PlanBench.Run([.. names.Where(n => !n.Contains('/'))], names.FirstOrDefault(n => n.Contains('/')));
    case ["plan-of", var name, var model]: TorchThread.Shared.Run(() => PlanBench.PlanOf(name, model)); return 0;
    case ["run-of", var name, var model]: TorchThread.Shared.Run(() => PlanBench.RunOf(name, model)); return 0;
    default:
        Console.Error.WriteLine("usage: packing [PASSES [MODEL]] | tokenizer [TEXT-FILE] | render | kernels | plan [NAME ... [FOLDER/]]");
        return 2;
}

// null where it is no number above 0.
static int? Number(string text) => int.TryParse(text, out int n) && n > 0 ? n : null;
