using LowRank.Bench;
using LowRank.Tensors;

// Plain measurements: a stopwatch, the best of several runs, and ratios between numbers of one run. bench/README.md tells how to read them.
switch (args)
{
    case ["step", .. var rest] when Numbers(rest) is { } steps: TorchThread.Shared.Run(() => StepBench.Run(steps)); return 0;
    case ["packing", .. var rest] when rest.Length < 3 && Numbers(rest is [var first, ..] ? [first] : ["2"]) is { } passes: TorchThread.Shared.Run(() => PackingBench.Run(passes, rest.ElementAtOrDefault(1))); return 0;
    case ["tokenizer"]: TokenizerBench.Run(TokenizerBench.Embedded, null); return 0;
    case ["tokenizer", var folder]: TokenizerBench.Run(folder, null); return 0;
    case ["tokenizer", var folder, var text]: TokenizerBench.Run(folder, text); return 0;
    default:
        Console.Error.WriteLine("usage: step [STEPS] | packing [PASSES [MODEL]] | tokenizer [FOLDER [TEXT-FILE]]");
        return 2;
}

// The number of steps: 5 unless given; null where it is no number above 0.
static int? Numbers(string[] rest) => rest switch { [] => 5, [var text] when int.TryParse(text, out int n) && n > 0 => n, _ => null };
