using LowRank.TestKit;
using LowRank.Tensors;

namespace LowRank.Cli.Tests;

/// <summary>
/// The program itself killed before single file operations of a run, a merge and a merge over an old one; its library is tried at many more points (`KillPointTests` beside `AtomicFile`).
/// LOWRANK_KILLS=all tries every point.
/// </summary>
[Collection(SharedWorld.Name)]
public class KillPointTests(World world, ITestOutputHelper output)
{
    private const int Few = 3;

    [Theory]
    [InlineData("run")]
    [InlineData("merge")]
    [InlineData("merge --force")]
    public void The_program_killed_at_a_file_operation_goes_on_at_its_next_start(string what)
    {
        string[] Arguments(string place) => what == "run" ? [.. world.TrainArguments("float32", 9), "--output", place]
            : ["merge", "--model", world.Model, "--adapter", world.At("a"), "--output", place, .. what == "merge" ? (string[])[] : ["--force", "--dtype", "bfloat16"]];
        string Fresh()
        {
            string folder = Paths.Temporary(), place = Path.Combine(folder, "out");
            File.WriteAllText(Path.Combine(folder, "out.old-01234567"), "theirs");
            if (what == "merge --force") Program.Run("merge", "--model", world.Model, "--adapter", world.At("b"), "--output", place).Good();
            return folder;
        }
        string whole = Fresh();
        var (code, count, error) = KillShim.Run(Program.Info(Arguments(Path.Combine(whole, "out"))), whole, 0);
        Assert.True(code == 0, error);
        string expected = Weights(Path.Combine(whole, "out"));
        foreach (int point in KillShim.Points(count, Few))
        {
            string folder = Fresh(), place = Path.Combine(folder, "out");
            string before = Directory.Exists(place) ? Weights(place) : "";
            Assert.Equal(137, KillShim.Run(Program.Info(Arguments(place)), folder, point).Code);
            bool there = Directory.Exists(place);
            if (there) Assert.True(FolderMarker.Check(place).IsOwn, $"{what}, point {point} of {count}");
            if (there && what != "run") Assert.Contains(Weights(place), (string[])[before, expected]);
            bool done = there && what == "merge";
            string[] again = what == "run" && there ? ["train", "--output", place, "--resume", "--quiet", "--threads", "1"] : Arguments(place);
            var next = Program.Run(again);
            Assert.True(next.Code == (done ? 2 : 0), $"{what}, point {point} of {count}: {next.Error}"); // a merge that was done exists
            Assert.Equal(expected, Weights(place));
            Assert.True(FolderMarker.Check(place).IsWhole);
            Assert.Equal(["out", "out.old-01234567"], Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal));
        }
        output.WriteLine($"{what}: {KillShim.Points(count, Few).Count()} of {count} points");
    }

    private static string Weights(string place)
    {
        string adapter = Path.Combine(place, "adapter", "adapter_model.safetensors"), model = Path.Combine(place, "model.safetensors");
        string file = File.Exists(model) ? model : adapter;
        return File.Exists(file) ? Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))) : "none";
    }
}
