using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LowRank.Cli.Tests;

/// <summary>`bench train` gives all its figures and leaves nothing behind. How large they are is no matter for a test, but how they follow from one another is.</summary>
public sealed partial class BenchTests : IDisposable
{
    private const int Interrupt = 2, Terminate = 15;
    private readonly string _temporary = TestKit.Paths.Temporary();

    [Fact]
    public void Every_figure_is_there_and_finite()
    {
        var json = Run("bench", "train", "--shape", "outlet", "--steps", "1", "--batch", "2", "--length", "32", "--modes", "lora,full", "--threads", "1", "--json").Good().Json;
        World.HasKeys(json, "processor", "threads", "dtype", "ceiling_gflops", "bandwidth_gb_per_s", "lora", "qlora", "full");
        Assert.Equal(1, (int)json["threads"]!);
        Assert.Null(json["qlora"]);
        double ceiling = (double)json["ceiling_gflops"]! * 1e9;
        Assert.True(double.IsFinite(ceiling) && ceiling > 0 && (double)json["bandwidth_gb_per_s"]! > 0);
        Assert.True(ceiling >= 1e9 * Math.Max((double)json["ceiling_before_gflops"]!, (double)json["ceiling_after_gflops"]!));
        foreach (var (mode, operations) in ((string, int)[])[("lora", 4), ("full", 6)])
        {
            var figures = json[mode]!;
            World.HasKeys(figures, "tokens_per_second", "step_seconds", "first_step_seconds", "share_of_ceiling", "peak_bytes", "path", "path_reason", "parts");
            double rate = (double)figures["tokens_per_second"]!, seconds = (double)figures["step_seconds"]!;
            Assert.Equal(64, rate * seconds, 0.01);
            Assert.Equal(1082496, (long)figures["parameters"]!);
            Assert.Equal(operations * 1082496 * rate / ceiling, (double)figures["share_of_ceiling"]!, 1e-9);
            Assert.True((long)figures["peak_bytes"]! > 16 << 20);
            var parts = figures["parts"]!.AsObject();
            World.HasKeys(parts, "batches", "optimiser", "other");
            Assert.All(parts, p => Assert.InRange((double)p.Value!, 0, seconds));
            Assert.Equal(seconds, parts.Sum(p => (double)p.Value!), 1e-3 * seconds);
            if (mode == "full") Assert.Null(figures["share_outside_products"]);
            else Assert.Equal(1 - parts.Where(p => p.Key is "projections forward" or "projections backward" or "attention forward" or "attention backward" or "output layer forward" or "output layer backward" or "adapter gradients").Sum(p => (double)p.Value!) / seconds, (double)figures["share_outside_products"]!, 1e-9);
        }
        Assert.Equal(("fast", "autograd"), ((string?)json["lora"]!["path"], (string?)json["full"]!["path"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_temporary));
    }

    [Fact]
    public void People_get_plain_lines_where_output_is_redirected()
    {
        string text = Run("bench", "train", "--model", "outlet", "--steps", "1", "--batch", "1", "--length", "16", "--modes", "lora", "--threads", "1", "--quiet").Good().Out;
        Assert.Matches(@"tokens/s +[\d.]+\n", text);
        Assert.Matches(@"share of the product +[\d.]+ %\n", text);
        Assert.Matches(@"  other +[\d.]+ s\n", text);
        Assert.Contains("lora: path fast", text);
    }

    [Theory]
    [InlineData("--shape smollm", "smollm2-135m, qwen2.5-0.5b, llama-3.2-1b, gpt2, outlet")]
    [InlineData("--shape outlet --model outlet", "one of --shape and --model")]
    [InlineData("--modes lora,dora", "lora, qlora, full")]
    [InlineData("--steps 0", "1 or more")]
    [InlineData("--shape outlet --length 257", "at most 256")]
    [InlineData("--dtype float16", "auto, float32 or bfloat16")]
    [InlineData("--device cuda", "--device")]
    [InlineData("--shape outlet --batches 3", "'--batch'")]
    public void Bad_input_is_told_before_anything_is_measured(string arguments, string words)
    {
        var outcome = Run(["bench", "train", .. arguments.Split(' '), "--json"]);
        Assert.Equal(2, outcome.Code);
        Assert.Contains(words, outcome.Error);
        World.HasKeys(outcome.Json["error"], "message", "value", "place", "expected", "remedy");
        Assert.Empty(Directory.EnumerateFileSystemEntries(_temporary));
    }

    [Fact]
    public void A_bench_without_a_workload_lists_them() => Assert.Contains("expected train", Run("bench").Error);

    [Theory]
    [InlineData(Interrupt)]
    [InlineData(Terminate)]
    public void Stopped_it_leaves_nothing_behind(int signal)
    {
        var process = Start("bench", "train", "--shape", "outlet", "--steps", "100000", "--batch", "1", "--length", "16", "--modes", "lora", "--threads", "1");
        while (!process.HasExited && !Directory.EnumerateFiles(_temporary, "log.jsonl", SearchOption.AllDirectories).Any()) Thread.Sleep(5);
        Assert.Equal(0, Kill(process.Id, signal));
        var outcome = Program.Finish(process); // standard error is the measuring process's too: it is closed when that has ended as well
        Assert.True(outcome.Code == 130, outcome.Error);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_temporary));
    }

    /// <summary>Removes the temporary folder.</summary>
    public void Dispose() => Directory.Delete(_temporary, recursive: true);

    private Program.Outcome Run(params string[] args) => Program.Finish(Start(args));

    private Process Start(params string[] args) => Program.Start(new Dictionary<string, string> { ["TMPDIR"] = _temporary }, args);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
