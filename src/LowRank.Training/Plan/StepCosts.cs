using LowRank.Models;

namespace LowRank.Training;

/// <summary>
/// The operations of a step, counted, and what they take on a machine. The shares of a rate that parts reach were fitted on SmolLM2's shape, 4 x 512 tokens, rank 16, bfloat16, two
/// Zen 5 cores (`bench plan` compares them with other shapes, lengths and dtypes).
/// </summary>
internal static class StepCosts
{
    private const double Projections = 0.95, Attention = 0.595, OutputLayer = 0.81, LowRank = 0.76, AdapterGradients = 0.238; // of the tile product's rate
    private const double Region = 8e-6; // seconds to hand work to the threads and wait for the last
    private const int RegionsOfBlock = 40;
    // Times that rows go between processor and memory, or as much time in other work: of hidden size in a block; of a head in attention; of all a block's inputs and outputs for the factors' gradients; of logits; of trained numbers.
    private const double BlockTraffic = 24, HeadTraffic = 44, GradientTraffic = 1.6, LogitTraffic = 4.5, OptimizerBytes = 60;
    private const double ForwardResult = 12.6, BackwardResult = 25; // bytes' worth of what is done with each number of a product, in bfloat16
    private const double OptimizerTensor = 15e-6, Operators = 300, Operator = 24e-6; // seconds of a tensor; operators of a block and their seconds beside their work
    private const double Autograd = 0.62, AutogradTraffic = 2.2;

    /// <summary>Of a projection: its sizes and its adapter's rank.</summary>
    internal readonly record struct Layer(long In, long Out, int Rank);

    /// <summary>What is counted.</summary>
    internal sealed record Work
    {
        public required DecoderSpec Spec { get; init; }
        public required IReadOnlyList<Layer> Layers { get; init; } // of all blocks
        public required int Rows { get; init; }
        public required int Length { get; init; }
        public required int Size { get; init; }
        public required int SliceTokens { get; init; }
        public required int Blocks { get; init; }
        public required int KeptBlocks { get; init; }
        public required long Trained { get; init; }
        public required int Tensors { get; init; }
        /// <summary>Widths of all blocks' inputs to projections, those that several share once.</summary>
        public double Inputs => (double)Spec.Layers.Count * (2 * Spec.HiddenSize + Spec.Attention.Heads * Spec.Attention.HeadSize + Spec.FeedForward.Size);
        public bool Expands { get; init; }
        public bool Full { get; init; }
        public long Tokens => (long)Rows * Length;
    }

    /// <summary>By hand.</summary>
    public static IReadOnlyList<(string, double)> ByHand(Work w, MachineRates rates)
    {
        double rate = rates.TileProduct, all = w.Spec.Layers.Count, again = (w.Blocks - w.KeptBlocks) / all, below = w.Blocks / all;
        double tokens = Math.Ceiling(w.Tokens / 64.0) * 64, weights = w.Layers.Sum(l => (double)l.In * l.Out), factors = w.Layers.Sum(l => (double)l.Rank * (l.In + l.Out));
        double slices = Math.Ceiling(w.Rows / Math.Max(1, Math.Floor((double)w.SliceTokens / w.Length)));
        double blocks = Math.Ceiling(w.Length / 64.0), heads = (double)w.Rows * w.Spec.Attention.Heads, tiles = AttentionTiles(w.Spec, blocks) * heads * 2 * 64 * 64 * w.Spec.Attention.HeadSize;
        double output = 2.0 * tokens * w.Spec.VocabularySize * w.Spec.HiddenSize, adapted = w.Layers.Where(l => l.Rank > 0).Sum(l => (double)l.In + l.Out);
        // Panels are packed once a slice, forward and backward; quantised or narrower weights are expanded on the way.
        double packing = slices * weights * w.Size * 3 * (1 + below + again) / rates.Bandwidth * (w.Expands ? 2 : 1);
        double results = tokens * (4 + w.Size) / 6 * (w.Layers.Sum(l => (double)l.Out) * ForwardResult * (1 + again) + w.Inputs * BackwardResult * below) / rates.Bandwidth;
        double traffic = tokens * w.Spec.HiddenSize * w.Size * BlockTraffic * all * (1 + again / 2) / rates.Bandwidth;
        return
        [
            ("projections", 2 * tokens * weights * (1 + again + below) / Projections / rate + packing + results),
            ("attention", tiles * (2 * (1 + again) + 5 * below) / Attention / rate + heads * all * blocks * 64 * w.Spec.Attention.HeadSize * w.Size * HeadTraffic * (1 + again / 2) / rates.Bandwidth),
            ("adapter", 2 * tokens * factors * ((2 + again) / LowRank + 1 / AdapterGradients) / rate + tokens * adapted * w.Size * GradientTraffic / 2 / rates.Bandwidth),
            ("output layer", 2 * output / OutputLayer / rate + tokens * w.Spec.VocabularySize * w.Size * LogitTraffic / rates.Bandwidth),
            ("passes", traffic + slices * all * RegionsOfBlock * (1 + again / 2) * Region),
            ("optimiser", w.Trained * OptimizerBytes / rates.Bandwidth + w.Tensors * OptimizerTensor),
        ];
    }

    /// <summary>By automatic differentiation.</summary>
    public static IReadOnlyList<(string, double)> ByAutograd(Work w, MachineRates rates)
    {
        double rate = rates.Product * Autograd, all = w.Spec.Layers.Count, tokens = w.Tokens, weights = w.Layers.Sum(l => (double)l.In * l.Out), factors = w.Layers.Sum(l => (double)l.Rank * (l.In + l.Out));
        double again = w.KeptBlocks < w.Blocks ? 1 : 0, passes = (w.Full ? 3 : 2) + again, attention = 2 * 2 * tokens * w.Length * w.Spec.Attention.HeadSize * w.Spec.Attention.Heads * all;
        double row = w.Size * (8.0 * w.Spec.HiddenSize + 3 * (w.Spec.Attention.Heads + 2 * w.Spec.Attention.KeyHeads) * w.Spec.Attention.HeadSize + 5.0 * w.Spec.FeedForward.Size);
        return
        [
            ("projections", 2 * tokens * weights * passes / rate),
            ("attention", attention * (3.5 + again) / rate),
            ("adapter", 2 * tokens * factors * (3 + again) / rate / 0.5),
            ("output layer", 2 * tokens * w.Spec.VocabularySize * w.Spec.HiddenSize * (w.Full ? 3 : 2) / rate + tokens * w.Spec.VocabularySize * 30.0 / rates.Bandwidth),
            ("passes", tokens * row * all * AutogradTraffic * (1 + again / 2) * 3 / rates.Bandwidth + all * (1 + again / 2) * Operators * Operator),
            ("optimiser", w.Trained * OptimizerBytes / rates.Bandwidth + w.Tensors * OptimizerTensor),
        ];
    }

    // Tiles that a causal sequence of so many blocks has, all layers, windows seen.
    private static double AttentionTiles(DecoderSpec spec, double blocks) => spec.Layers.Sum(layer =>
    {
        double seen = layer.Window is { } window ? Math.Min(blocks, Math.Ceiling(window / 64.0) + 1) : blocks;
        return blocks * seen - seen * (seen - 1) / 2;
    });
}
