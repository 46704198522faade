using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using LowRank.Tensors;
using Xunit;

namespace LowRank.TestKit;

/// <summary>Lesser processors than this one: a test class run again in a child process in which .NET or libtorch is held down to what such a processor has.</summary>
public static class ProcessorVariants
{
    private const string Variable = "LOWRANK_VARIANT";
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    private static readonly (string Name, (string, string)[] Environment, Func<bool> Holds)[] All =
    [
        ("without AVX-512", [("DOTNET_EnableAVX512", "0"), ("DOTNET_EnableAVX512F", "0")], () => !Avx512F.IsSupported), // .NET 10's name, and the one before
        ("without AVX2", [("DOTNET_EnableAVX2", "0"), ("DOTNET_EnableAVX", "0")], () => !Avx2.IsSupported),
        ("our own products", [("LOWRANK_PORTABLE", "1")], () => true),
        ("our own products without AVX2", [("LOWRANK_PORTABLE", "1"), ("DOTNET_EnableAVX2", "0"), ("DOTNET_EnableAVX", "0")], () => !Avx2.IsSupported),
        ("libtorch without bfloat16", [("ATEN_CPU_CAPABILITY", "avx2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")], () => !Processor.HasBFloat16),
    ];

    /// <summary>Their names.</summary>
    public static IEnumerable<string> Names => All.Select(v => v.Name);

    /// <summary>Whether this process is such a child.</summary>
    public static bool IsChild => Environment.GetEnvironmentVariable(Variable) is not null;

    /// <summary>Fails in a child whose variables did not have their effect.</summary>
    public static void CheckThisProcess()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } name) Assert.True(All.Single(v => v.Name == name).Holds(), $"this is a process {name} only by name");
    }

    /// <summary>Runs test classes of the calling project in a child.</summary>
    /// <param name="name">The variant.</param>
    /// <param name="member">Any type of the test project.</param>
    /// <param name="classes">Class names, with wildcards.</param>
    public static void Run(string name, Type member, params string[] classes)
    {
        string program = Path.Combine(AppContext.BaseDirectory, member.Assembly.GetName().Name!);
        if (OperatingSystem.IsWindows()) program += ".exe";
        ProcessStartInfo start = new(program, classes.SelectMany(c => new[] { "-class", c }).Append("-noAutoReporters")) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string key in start.Environment.Keys.Where(k => k.StartsWith("TESTINGPLATFORM", StringComparison.Ordinal)).ToList()) start.Environment.Remove(key);
        start.Environment[Variable] = name;
        foreach (var (key, value) in All.Single(v => v.Name == name).Environment) start.Environment[key] = value;
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync();
        var output = child.StandardOutput.ReadToEndAsync();
        if (!child.WaitForExit(Longest))
        {
            child.Kill(entireProcessTree: true);
            Assert.Fail($"{name}: not done in {Longest}");
        }
        Assert.True(child.ExitCode == 0 && output.Result.Contains("Failed: 0", StringComparison.Ordinal), $"{name}: ended with {child.ExitCode}\n{output.Result}\n{errors.Result}");
    }
}
