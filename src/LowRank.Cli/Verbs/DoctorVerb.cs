using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Cli.Verbs;

/// <summary>`doctor`: whether this machine can do the work, and the remedy for each fault.</summary>
internal static class DoctorVerb
{
    private sealed record Finding(string Name, bool Good, string Value, string? Remedy = null);

    public static Command Create()
    {
        var common = new CommonOptions();
        var verb = new Command("doctor", "Whether this machine can do the work.");
        common.AddTo(verb, model: false, compute: false);
        verb.SetAction(parsed =>
        {
            List<Finding> findings = [Natives()];
            if (findings[0].Good) findings.AddRange([Device(), Product(ScalarType.Float32), Product(ScalarType.BFloat16)]);
            findings.AddRange([Instructions(), Memory(), Threads(), EmbeddedModel(), TemporarySpace()]);
            bool good = findings.All(f => f.Good);
            if (parsed.GetValue(common.Json))
                Output.Json(new JsonObject
                {
                    ["ok"] = good,
                    ["findings"] = new JsonArray([.. findings.Select(f => (JsonNode)new JsonObject { ["name"] = f.Name, ["ok"] = f.Good, ["value"] = f.Value, ["remedy"] = f.Remedy })]),
                });
            else
                foreach (var f in findings)
                    Console.Out.WriteLine($"{(f.Good ? "ok  " : "FAIL")} {f.Name,-22} {f.Value}{(f.Remedy is null ? "" : "\n       remedy: " + f.Remedy)}");
            return good ? 0 : 1;
        });
        return verb;
    }

    private static Finding Natives()
    {
        try
        {
            using var scope = NewDisposeScope();
            NativeTensors.EnsureLoaded();
            float sum = ones(3).sum().item<float>();
            return new("libtorch", sum == 3, $"TorchSharp {typeof(TorchSharp.torch).Assembly.GetName().Version}, libtorch {__version__}");
        }
        catch (Exception e) when (e is TypeInitializationException or NotSupportedException or DllNotFoundException or BadImageFormatException)
        {
            return new("libtorch", false, (e.InnerException ?? e).Message.Split('\n')[0], "Build with `dotnet build`, which prepares libtorch; a copied program needs its runtimes folder beside it.");
        }
    }

    private static Finding Device() => new("device", true, Processor.ParseDevice("auto").ToString());

    private static Finding Instructions() => new("processor", true, $"{Processor.Name} ({RuntimeInformation.ProcessArchitecture}); {string.Join(' ', Processor.Instructions)}; auto dtype {(Processor.HasBFloat16 ? "bfloat16" : "float32")}");

    private static Finding Product(ScalarType dtype)
    {
        if (dtype == ScalarType.BFloat16 && !Processor.HasBFloat16) return new("products in bfloat16", true, "not used here: no bfloat16 units, float32 is faster");
        return new($"products in {(dtype == ScalarType.BFloat16 ? "bfloat16" : "float32")}", true, FormattableString.Invariant($"{Processor.MeasureProduct(dtype, 1024, 5) / 1e9:0} GFLOP/s on {get_num_threads()} threads"));
    }

    private static Finding Memory()
    {
        long total = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new("memory", total > 2L << 30, Output.Bytes(total), total > 2L << 30 ? null : "Use a smaller model; `lowrank plan` tells what fits.");
    }

    private static Finding Threads() => new("threads", true, $"{Environment.ProcessorCount} cores; OMP_NUM_THREADS={Environment.GetEnvironmentVariable("OMP_NUM_THREADS") ?? "not set"}");

    private static Finding EmbeddedModel() => new("embedded model", ModelPlace.Embedded.Count > 0, string.Join(", ", ModelPlace.Embedded.DefaultIfEmpty("none")), ModelPlace.Embedded.Count > 0 ? null : "The program's Assets folder is missing: build it again.");

    private static Finding TemporarySpace()
    {
        long free = new DriveInfo(Path.GetFullPath(".")).AvailableFreeSpace;
        return new("free disk space here", free > 1L << 28, Output.Bytes(free), free > 1L << 28 ? null : "Free some space: runs write checkpoints here.");
    }
}
