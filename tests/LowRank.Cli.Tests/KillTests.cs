using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace LowRank.Cli.Tests;

/// <summary>A run that is killed at any moment and goes on ends with the very bytes of one that was left alone. LOWRANK_KILLS sets how often each dtype is killed (3).</summary>
[Collection(SharedWorld.Name)]
public partial class KillTests(World world, ITestOutputHelper output)
{
    private const int Steps = 60;
    private const int HangUp = 1, Interrupt = 2, Terminate = 15;
    private static readonly int Kills = int.TryParse(Environment.GetEnvironmentVariable("LOWRANK_KILLS"), CultureInfo.InvariantCulture, out int n) ? n : 3;

    [Theory]
    [InlineData("float32")]
    [InlineData("bfloat16")] // slow units or not: the model is tiny
    public void Killed_runs_end_with_the_bytes_of_an_uninterrupted_one(string dtype)
    {
        string whole = world.Fresh("whole");
        var clock = Stopwatch.StartNew();
        Program.Run(Arguments(dtype, whole)).Good();
        double seconds = clock.Elapsed.TotalSeconds;
        var (adapter, losses) = Result(whole);
        var random = new Random(dtype.Length);
        int inTheLoop = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            string folder = world.Fresh("killed");
            // Most of a short run's time is the program's start: half of the kills wait for the first step, so that they hit the loop.
            bool inLoop = kill % 2 == 1;
            var process = Program.Start(Arguments(dtype, folder));
            if (inLoop)
            {
                WaitForStep(process, folder, random.Next(1, Steps - 2));
                Thread.Sleep(random.Next(0, 12));
            }
            else Thread.Sleep((int)(random.NextDouble() * seconds * 1000));
            process.Kill(); // SIGKILL
            int code = Program.Finish(process).Code;
            string state = Directory.Exists(folder) ? string.Join(' ', Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order()) : "no folder";
            int logged = LogLines(folder);
            // where nothing was begun yet, only the full arguments can say what to do
            string[] resume = File.Exists(Path.Combine(folder, "run.yaml")) ? ["train", "--output", folder, "--resume", "--threads", "1", "--quiet"] : [.. Arguments(dtype, folder), "--resume"];
            Program.Run(resume).Good();
            if (code == 137 && logged is > 0 and < Steps) inTheLoop++;
            output.WriteLine($"{dtype} kill {kill + 1}: exit code {code} after {logged} steps ({state})");
            var (again, lossesAgain) = Result(folder);
            Assert.Equal(losses, lossesAgain);
            Assert.True(adapter.AsSpan().SequenceEqual(again), $"{dtype}, kill {kill + 1}: the adapter differs");
            Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories), e => e.Contains(".lowrank" + Path.DirectorySeparatorChar) || e.EndsWith(".lowrank", StringComparison.Ordinal));
            Assert.False(Directory.Exists(Path.Combine(Path.GetDirectoryName(folder)!, $".{Path.GetFileName(folder)}.lowrank")));
            Directory.Delete(folder, recursive: true);
        }
        Assert.True(inTheLoop > 0, "no kill hit the training loop");
    }

    [Fact]
    public void A_start_that_was_killed_before_its_folder_was_whole_begins_afresh()
    {
        string folder = world.Fresh("early");
        string unfinished = Path.Combine(Path.GetDirectoryName(folder)!, $".{Path.GetFileName(folder)}.lowrank", "new-1"); // what such a kill leaves
        Directory.CreateDirectory(unfinished);
        File.WriteAllText(Path.Combine(unfinished, "run.yaml"), "model: ha");
        File.WriteAllText(Path.Combine(unfinished, "..", "lock"), "");
        File.WriteAllText(Path.Combine(unfinished, "..", ".lowrank.json"), """{"lowrank": "work", "kind": "work", "writes": "run", "process": 1, "host": "elsewhere", "files": {}, "folders": []}""");
        var incomplete = Program.Run("train", "--output", folder, "--resume");
        Assert.Equal(2, incomplete.Code);
        Assert.Contains("no run to go on with", incomplete.Error);
        Program.Run([.. world.TrainArguments("float32", 3), "--output", folder, "--resume"]).Good();
        Assert.False(Directory.Exists(Path.GetDirectoryName(unfinished)));
        Assert.Equal([".lowrank.json", "adapter", "begun.json", "log.jsonl", "report.html", "run.yaml"], Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_run_killed_before_its_report_was_written_writes_it()
    {
        string folder = world.Fresh("unreported");
        Program.Run([.. world.TrainArguments("float32", 9), "--output", folder]).Good();
        var before = Result(folder);
        File.Delete(Path.Combine(folder, "report.html"));
        Program.Run("train", "--output", folder, "--resume", "--threads", "1", "--quiet").Good();
        Assert.True(File.Exists(Path.Combine(folder, "report.html")));
        Assert.Equal(before.Losses, Result(folder).Losses);
        Assert.Equal(before.Adapter, Result(folder).Adapter);
    }

    [Fact]
    public void Resume_does_not_write_into_a_folder_that_holds_something_else()
    {
        string folder = world.Fresh("mine");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "mine");
        Assert.Equal(2, Program.Run([.. world.TrainArguments("float32", 3), "--output", folder, "--resume"]).Code);
        Assert.Equal(["notes.txt"], Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)!));
    }

    [Fact]
    public void Ctrl_C_and_its_like_keep_a_checkpoint_and_the_run_goes_on_from_it()
    {
        string whole = world.Fresh("whole");
        const int steps = 800; // enough for the signal to arrive in time
        string[] arguments = [.. world.TrainArguments("float32", steps), "--set", "adapter.lora_dropout=0"]; // the path written by hand
        Program.Run([.. arguments, "--output", whole]).Good();
        foreach (int signal in (int[])[Interrupt, Terminate, HangUp])
        {
            string folder = world.Fresh("stopped");
            var process = Program.Start([.. arguments, "--output", folder, "--json"]);
            WaitForStep(process, folder, 5);
            Assert.Equal(0, Kill(process.Id, signal)); // the call itself: on a busy machine a process that sends the signal comes too late
            var stopped = Program.Finish(process);
            Assert.Equal(130, stopped.Code);
            int step = (int)stopped.Json["step"]!;
            Assert.InRange(step, 5, steps - 1);
            Assert.True(Directory.Exists(Path.Combine(folder, "checkpoints", $"step-{step}")));
            Assert.Equal(step, LogLines(folder));
            Assert.Contains("--resume", stopped.Error);
            Assert.False(Directory.Exists(Path.Combine(folder, "adapter")));
            Program.Run("train", "--output", folder, "--resume", "--threads", "1", "--quiet").Good();
            Assert.Equal(Result(whole).Losses, Result(folder).Losses);
            Assert.Equal(Result(whole).Adapter, Result(folder).Adapter);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    private string[] Arguments(string dtype, string folder) => [.. world.TrainArguments(dtype, Steps), "--output", folder];

    private static (byte[] Adapter, string[] Losses) Result(string run) =>
        (File.ReadAllBytes(Path.Combine(run, "adapter", "adapter_model.safetensors")),
            [.. File.ReadLines(Path.Combine(run, "log.jsonl")).Select(l => JsonNode.Parse(l)!).Select(l => $"{l["step"]} {l["loss"]!.ToJsonString()} {l["grad_norm"]!.ToJsonString()} {l["learning_rate"]!.ToJsonString()}")]);

    private static int LogLines(string folder)
    {
        string log = Path.Combine(folder, "log.jsonl");
        return File.Exists(log) ? File.ReadAllText(log).Count(c => c == '\n') : 0;
    }

    private static void WaitForStep(Process process, string folder, int step)
    {
        while (!process.HasExited && LogLines(folder) < step) Thread.Sleep(1);
    }
}
