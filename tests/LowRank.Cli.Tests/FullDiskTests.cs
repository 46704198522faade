using System.Diagnostics;
using LowRank.Models;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

/// <summary>What happens where there is no room: exit code 2, a message, nothing half-written. On a file system of a few kilobytes, which only root can make.</summary>
[Collection(SharedWorld.Name)]
public class FullDiskTests(World world)
{
    [Fact]
    public void Outputs_that_do_not_fit_are_refused_and_leave_nothing()
    {
        using var disk = new SmallDisk(100);
        string input = Path.Combine(Paths.Golden("models/llama"), "expected.safetensors");
        // logits of 38 KB fit, a model of 350 KB does not
        Program.Run("logits", "--model", world.Model, "--input", input, "--output", disk.At("logits.safetensors")).Good();
        File.Delete(disk.At("logits.safetensors"));
        Refused(Program.Run("merge", "--model", world.Model, "--adapter", world.At("a"), "--output", disk.At("merged"), "--json"), "merged");
        string gguf = GgufLlama.Save(); // 240 KB
        using (var model = ModelLoader.Load(gguf))
        {
            var host = AdapterHost.Attach(model);
            host.Add("c", new LoraConfig { Rank = 4, Initialisation = LoraInitialisation.None, TargetModules = Selector.Of("q_proj") }, 1, "llama").Save(world.At("c"));
            host.Detach();
        }
        Refused(Program.Run("merge", "--model", gguf, "--adapter", world.At("c"), "--requantize", "--output", disk.At("merged.gguf"), "--json"), "merged.gguf");
        Assert.Empty(Directory.EnumerateFileSystemEntries(disk.Path));
        Refused(Program.Run([.. world.TrainArguments("float32"), "--output", disk.At("run"), "--set", "adapter=null", "--json"]), "step-7");
        string[] run = [.. Directory.EnumerateFileSystemEntries(disk.At("run"), "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(disk.At("run"), f)).Order(StringComparer.Ordinal)];
        Assert.Equal([".lowrank.json", "begun.json", "log.jsonl", "run.yaml"], run);
        Assert.Equal(7, File.ReadLines(disk.At("run/log.jsonl")).Count()); // what was done is told
    }

    [Fact]
    public void Standard_output_without_room_is_one_error()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's");
        foreach (string[] arguments in (string[][])[["inspect", world.At("a"), "--json"], ["inspect", world.At("absent"), "--json"]])
        {
            var outcome = Program.InShell("> /dev/full", arguments);
            Assert.Equal(2, outcome.Code);
            Assert.StartsWith("error: ", outcome.Error, StringComparison.Ordinal);
            Assert.Single(outcome.Error.TrimEnd().Split('\n'));
        }
    }

    private static void Refused(Program.Outcome outcome, string place)
    {
        Assert.True(outcome.Code == 2, outcome.Error);
        Assert.Contains(place, outcome.Error);
        Assert.Contains("space", outcome.Error);
        World.HasKeys(outcome.Json["error"], "message", "value", "place", "expected", "remedy");
    }

    private sealed class SmallDisk : IDisposable
    {
        public SmallDisk(int kilobytes)
        {
            Path = Paths.Temporary();
            if (!OperatingSystem.IsLinux() || Tool("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", Path) != 0)
            {
                Directory.Delete(Path);
                Assert.Skip("a full disk needs a small file system, and mounting one needs root on Linux");
            }
        }

        public string Path { get; }

        public string At(string name) => System.IO.Path.Combine(Path, name);

        public void Dispose()
        {
            Tool("umount", Path);
            Directory.Delete(Path);
        }

        private static int Tool(string name, params string[] arguments)
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardError = true })!;
                process.WaitForExit();
                return process.ExitCode;
            }
            catch (System.ComponentModel.Win32Exception) { return -1; } // there is no such tool
        }
    }
}
