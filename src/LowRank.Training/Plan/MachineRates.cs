using System.Diagnostics;
using System.Runtime.InteropServices;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>What this machine does a second, on all of libtorch's threads.</summary>
/// <param name="TileProduct">Operations of the products that the step by hand is made of.</param>
/// <param name="Product">Operations of libtorch's matrix product.</param>
/// <param name="Bandwidth">Bytes between the processor and its memory.</param>
public sealed unsafe record MachineRates(double TileProduct, double Product, double Bandwidth)
{
    private const int Rows = 256, Depth = 576, Columns = 64, Panels = 8;
    private const double Seconds = 0.2;

    /// <summary>Measures them, in less than a second.</summary>
    public static MachineRates Measure(ScalarType dtype)
    {
        NativeTensors.EnsureLoaded();
        double tiles = MeasureTiles(dtype), product = Processor.MeasureProduct(Processor.HasBFloat16 ? dtype : ScalarType.Float32, 1024, 6), bandwidth = Processor.MeasureBandwidth(64L << 20, 5);
        return new(Math.Max(tiles, MeasureTiles(dtype)), product, Math.Max(bandwidth, Processor.MeasureBandwidth(64L << 20, 5))); // twice, since another program may have had the processor
    }

    // Tiles [256, 64] over panels that stay in the second-level cache, as the step's are.
    private static double MeasureTiles(ScalarType dtype)
    {
        var kernels = Kernels.Of(dtype);
        long left = (long)Rows * Depth * kernels.Size, panel = (long)Depth * Columns * kernels.Size, own = left + Panels * panel + Rows * Columns * sizeof(float);
        using var memory = new NativeBlock(own * Workers.Count);
        void Round(int worker, int rounds)
        {
            byte* a = memory.Start + worker * own, panels = a + left;
            float* c = (float*)(panels + Panels * panel);
            for (int r = 0; r < rounds; r++)
                for (int p = 0; p < Panels; p++) kernels.Multiply(Rows, Columns, Depth, a, Depth, panels + p * panel, Columns, c, Columns, false);
        }
        double each = 2.0 * Rows * Depth * Columns * Panels * Workers.Count, best = 0;
        int many = 1;
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalSeconds < Seconds;)
        {
            long from = Stopwatch.GetTimestamp();
            int rounds = many;
            Workers.Run(worker => Round(worker, rounds));
            double seconds = Stopwatch.GetElapsedTime(from).TotalSeconds;
            best = Math.Max(best, each * rounds / seconds);
            if (seconds < Seconds / 20) many *= 2;
        }
        Workers.Run(_ => Kernels.Done()); // else the processor's tiles stay as these products had them, and libtorch's own may undo that unseen
        return best;
    }
}
