using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Running;
using LowRank.Tensors;
using TorchSharp;

namespace LowRank.Bench;

/// <summary>The passes of a training step on one thread, on what a tile of SmolLM2-135M's shape hands them; the product beside them is the measure.</summary>
public unsafe class KernelBench
{
    private const int Hidden = 576, Vocabulary = 49152;

    private Kernels _k = null!;
    private Action _run = null!;
    private nint _x, _y, _z, _tile;

    /// <summary>The numbers' kind.</summary>
    [Params("bfloat16", "float32")]
    public string Numbers { get; set; } = "";

    /// <summary>Kernels by name; each count is what one call works through.</summary>
    public static IEnumerable<string> Names =>
    [
        "product 256x64x576", "product 64x64x64", "pack transposed 64x576", "pack rows 576x64", "norm 64x576", "norm backward 64x576", "rotate 12 heads", "gate 256x32", "gate backward 256x64",
        "softmax 64x512", "softmax backward 64x64", "loss 49152", "store 256x64", "store sum 256x64",
    ];

    /// <summary>The one that is timed.</summary>
    [ParamsSource(nameof(Names))]
    public string Kernel { get; set; } = "";

    /// <summary>Makes room, with numbers between -1 and 1.</summary>
    [GlobalSetup]
    public void Setup()
    {
        NativeTensors.EnsureLoaded();
        _k = Kernels.Of(Numbers == "bfloat16" ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32);
        (_x, _y, _z, _tile) = (Filled(1 << 20), Filled(1 << 20), Filled(1 << 20), Filled(1 << 18));
        float* tile = (float*)_tile;
        for (int i = 0; i < 1 << 18; i++) tile[i] = Random.Shared.NextSingle() * 2 - 1;
        _run = Choose(Kernel);
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Free()
    {
        foreach (nint block in (nint[])[_x, _y, _z, _tile]) NativeMemory.AlignedFree((void*)block);
    }

    /// <summary>One call.</summary>
    [Benchmark]
    public void Call() => _run();

    private Action Choose(string name)
    {
        void* x = (void*)_x, y = (void*)_y, z = (void*)_z;
        float* tile = (float*)_tile, more = tile + 65536;
        return name switch
        {
            "product 256x64x576" => () => _k.Multiply(256, 64, Hidden, x, Hidden, y, 64, tile, 64, false),
            "product 64x64x64" => () => _k.Multiply(64, 64, 64, x, 64, y, 64, tile, 64, true),
            "pack transposed 64x576" => () => _k.PackTransposed(x, Hidden, 64, Hidden, y, 64, 64),
            "pack rows 576x64" => () => _k.PackRows(x, 1536, Hidden, 64, y, Hidden, 64),
            "norm 64x576" => () => _k.RmsNorm(x, more, y, 64, Hidden, 1e-5f),
            "norm backward 64x576" => () => _k.RmsNormBackward(x, more, y, z, y, 64, Hidden, 1e-5f),
            "rotate 12 heads" => () => _k.Rotate(x, 12, 64, 32, tile, more, false),
            "gate 256x32" => () => _k.Gate(GateKind.Silu, tile, tile + 32, 64, 256, 32, x, y, 3072, z, 1536),
            "gate backward 256x64" => () => _k.GateBackward(GateKind.Silu, tile, 64, 256, 64, x, y, 3072, z, 1536),
            "softmax 64x512" => () => _k.Softmax(tile, 512, 64, 512, 0.125f, 449, -512, more, more + 64, more + 128, x, 512),
            "softmax backward 64x64" => () => _k.SoftmaxBackward(tile, tile + 4096, 64, 64, 0.125f, 64, 1 << 30, more, more + 64, x, y, z),
            "loss 49152" => () => _k.Loss(x, Vocabulary, 7, 1, out _),
            "store 256x64" => () => _k.Store(tile, 64, 256, 64, x, Hidden, 1),
            "store sum 256x64" => () => _k.StoreSum(tile, 64, 256, 64, x, Hidden, 1, null, y),
            _ => throw new ArgumentOutOfRangeException(nameof(name)),
        };
    }

    private nint Filled(int count)
    {
        float[] numbers = [.. Enumerable.Range(0, count).Select(_ => Random.Shared.NextSingle() * 2 - 1)];
        void* block = NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
        fixed (float* from = numbers) _k.Narrow(from, block, count, 1);
        return (nint)block;
    }

    /// <summary>Runs all and prints a table.</summary>
    public static void Run()
    {
        var summary = BenchmarkRunner.Run<KernelBench>(BenchConfig.Make(once: false));
        Console.WriteLine($"{Processor.Name}: {string.Join(' ', Processor.Instructions)}");
        Console.WriteLine("| kernel | bfloat16, microseconds | float32, microseconds |");
        Console.WriteLine("| --- | --- | --- |");
        foreach (string name in Names)
        {
            string Of(string numbers) => FormattableString.Invariant($"{BenchConfig.Seconds(summary.Reports.Single(r => (string)r.BenchmarkCase.Parameters["Kernel"] == name && (string)r.BenchmarkCase.Parameters["Numbers"] == numbers)) * 1e6:0.00}");
            Console.WriteLine($"| {name} | {Of("bfloat16")} | {Of("float32")} |");
        }
    }
}
