using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>What this machine can do, for choosing a dtype and a device.</summary>
public static class Processor
{
    private static readonly Lazy<string> Info = new(() => OperatingSystem.IsLinux() && File.Exists("/proc/cpuinfo") ? File.ReadAllText("/proc/cpuinfo") : "");

    /// <summary>The processor's name, or its architecture where the system does not tell.</summary>
    public static string Name { get; } = Info.Value.Split('\n').FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>The instruction sets that matter for matrix products, as the system spells them.</summary>
    public static IReadOnlyList<string> Instructions { get; } = [.. Info.Value.Split('\n').FirstOrDefault(l => l.StartsWith("flags", StringComparison.Ordinal) || l.StartsWith("Features", StringComparison.Ordinal))
        ?.Split(':', 2)[1].Split(' ').Where(f => f is "avx2" or "fma" or "avx512f" or "avx512_bf16" or "amx_bf16" or "avx_vnni" or "avx512_vnni" or "bf16" or "asimd") ?? []];

    /// <summary>
    /// Whether bfloat16 products are fast here. Without bfloat16 units libtorch's are a hundred times slower than float32's. The variables that
    /// hold libtorch's kernels down (ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA) are respected.
    /// </summary>
    public static bool HasBFloat16 { get; } = Detect();

    /// <summary>The dtype that `auto` stands for on a device: bfloat16 where its products are fast, else float32.</summary>
    public static ScalarType AutoDType(Device device) => device.type == DeviceType.CUDA || HasBFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>Parses `auto`, `float32`, `bfloat16`.</summary>
    public static ScalarType ParseDType(string name, Device device) => name switch
    {
        "auto" => AutoDType(device),
        "float32" => ScalarType.Float32,
        "bfloat16" => ScalarType.BFloat16,
        _ => throw new BadInputException("an unknown dtype", name, "dtype", "auto, float32 or bfloat16"),
    };

    /// <summary>Parses `auto`, `cpu`, `cuda[:N]`, `mps`; `auto` is the fastest that the installed libtorch has.</summary>
    /// <exception cref="BadInputException">The name is unknown or this libtorch has no such device.</exception>
    public static Device ParseDevice(string name)
    {
        NativeTensors.EnsureLoaded();
        if (name == "auto") return cuda.is_available() ? CUDA : mps_is_available() ? MPS : CPU;
        string[] parts = name.Split(':');
        int index = -1;
        if (parts.Length > 2 || parts[0] is not ("cpu" or "cuda" or "mps") || (parts.Length == 2 && !int.TryParse(parts[1], out index)))
            throw new BadInputException("an unknown device", name, "--device", "auto, cpu, cuda, cuda:N or mps");
        if (parts[0] == "cuda" && (!cuda.is_available() || index >= cuda.device_count()))
            throw new BadInputException("this libtorch has no such device", name, "--device", remedy: "Build with -p:Device=cuda on a machine with an NVIDIA GPU, or use --device cpu.");
        if (parts[0] == "mps" && !mps_is_available()) throw new BadInputException("this libtorch has no such device", name, "--device", remedy: "Use --device cpu.");
        return parts[0] == "cpu" ? CPU : new Device(parts[0] == "cuda" ? DeviceType.CUDA : DeviceType.MPS, index);
    }

    /// <summary>The most memory the process has held at once, bytes; 0 where the system does not tell.</summary>
    public static long PeakMemory
    {
        get
        {
            if (!OperatingSystem.IsLinux()) return System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64;
            return Status("VmHWM");
        }
    }

    /// <summary>The memory that the process holds now, bytes; 0 where the system does not tell.</summary>
    public static long Memory => OperatingSystem.IsLinux() ? Status("VmRSS") : Environment.WorkingSet;

    /// <summary>Of <see cref="Memory"/>, what is no part of a file; null where the system does not tell.</summary>
    public static long? AnonymousMemory => OperatingSystem.IsLinux() && Status("RssAnon") is var bytes and > 0 ? bytes : null;

    /// <summary>Bytes of the mapped files at or below <paramref name="path"/> that are in memory and count to <see cref="Memory"/>; 0 where the system does not tell.</summary>
    public static long MemoryOfFiles(string path)
    {
        if (!OperatingSystem.IsLinux() || path.Length == 0) return 0;
        long bytes = 0;
        bool inside = false;
        string full = Path.GetFullPath(path);
        try
        {
            foreach (string line in File.ReadLines("/proc/self/smaps"))
            {
                if (line.Length > 0 && char.IsAsciiHexDigitLower(line[0])) inside = line.Contains(full, StringComparison.Ordinal); // a mapping's first line: addresses, then its file
                else if (inside && line.StartsWith("Rss:", StringComparison.Ordinal)) bytes += Kilobytes(line);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // not told
        return bytes;
    }

    private static long Status(string key)
    {
        string? line = File.Exists("/proc/self/status") ? File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal)) : null;
        return line is null ? 0 : Kilobytes(line);
    }

    private static long Kilobytes(string line) => long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) * 1024;

    /// <summary>Starts <see cref="PeakMemory"/> anew from what is held now; false where the system cannot.</summary>
    public static bool ResetPeakMemory()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
    }

    /// <summary>
    /// Gives memory that was freed back to the system, where it can: what loading a model left behind is of no use to what comes next. It collects the whole process's garbage;
    /// training does it only where <see cref="MemorySettings"/> were made.
    /// </summary>
    public static void GiveBackMemory()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        NativeMemory.GiveBack();
    }

    /// <summary>Operations a second of a product of two square matrices, the best of several: the ceiling that shares are taken of.</summary>
    /// <param name="dtype">What is multiplied.</param>
    /// <param name="size">Rows and columns.</param>
    /// <param name="runs">How many are timed.</param>
    public static double MeasureProduct(ScalarType dtype, int size, int runs)
    {
        using var scope = NewDisposeScope();
        Tensor a = randn(size, size).to(dtype), b = randn(size, size).to(dtype);
        double best = double.MaxValue;
        for (int i = 0; i < runs; i++)
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            using var c = a.matmul(b);
            best = Math.Min(best, System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return 2.0 * size * size * size / best;
    }

    /// <summary>Bytes a second between the processor and its memory on all threads, the best of several: x += y/2 reads x and y and writes x, so no line is fetched only to be overwritten.</summary>
    /// <param name="bytes">What x and y take together; well above the caches.</param>
    /// <param name="runs">How many are timed.</param>
    public static double MeasureBandwidth(long bytes = 256L << 20, int runs = 10)
    {
        using var scope = NewDisposeScope();
        Tensor x = zeros(bytes / 8), y = ones(bytes / 8);
        double best = double.MaxValue;
        for (int i = 0; i < runs; i++)
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            Ops.AddScaledInPlace(x, y, 0.5);
            best = Math.Min(best, System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return bytes * 1.5 / best;
    }

    private static bool Detect()
    {
        string isa = Environment.GetEnvironmentVariable("ONEDNN_MAX_CPU_ISA") ?? "", capability = Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY") ?? "";
        if (capability is "avx2" or "default") return false;
        if (isa.Length > 0 && !isa.Contains("BF16", StringComparison.OrdinalIgnoreCase) && !isa.Contains("AMX", StringComparison.OrdinalIgnoreCase) && isa is not ("ALL" or "DEFAULT")) return false;
        return Instructions.Any(f => f is "avx512_bf16" or "amx_bf16" or "bf16");
    }
}
