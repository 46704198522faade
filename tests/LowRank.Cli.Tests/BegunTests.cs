using System.Security.Cryptography;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

/// <summary>`--resume` goes on only with what the run was begun with, wherever that lies now.</summary>
public class BegunTests
{
    private readonly string _home = Paths.Temporary();

    private string At(string name) => Path.Combine(_home, name);

    [Fact]
    public void A_run_whose_inputs_were_replaced_does_not_go_on_and_one_whose_inputs_moved_does()
    {
        string model = ByteTokenizer.Beside("llama"), weights = Path.Combine(model, "model.safetensors"), run = At("run");
        string[] rows = [.. World.TokenRows(5, 8)], held = [.. World.TokenRows(6, 3), rows[0]];
        File.WriteAllLines(At("rows.jsonl"), rows);
        File.WriteAllLines(At("held.jsonl"), held);
        var first = Program.Run("train", "--model", model, "--data", At("rows.jsonl"), "--eval-data", At("held.jsonl"), "--output", run,
            "--threads", "1", "--dtype", "float32", "--set", "max_steps=2", "--set", "save_steps=1", "--set", "batch_size=4").Good();
        Assert.Contains("1 of 4 held-out rows are training rows as well", first.Error, StringComparison.Ordinal);
        var begun = Program.Run("inspect", run, "--json").Good().Json["begun_with"]!;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(weights))), (string?)begun["model"]![1]!["sha256"]);
        Directory.Delete(Path.Combine(run, "adapter"), recursive: true);

        byte[] original = File.ReadAllBytes(weights), other = [.. original];
        other[^5] ^= 1;
        File.WriteAllBytes(weights, other);
        File.Move(At("rows.jsonl"), At("moved.jsonl"));
        File.WriteAllLines(At("held.jsonl"), held[..2]);
        string[] resume = ["train", "--resume", "--output", run, "--data", At("moved.jsonl"), "--quiet", "--threads", "1"];
        var refused = Program.Run([.. resume, "--set", "learning_rate=0.5"]);
        Assert.Equal(2, refused.Code);
        string[] all = ["3 mistakes", "model: the content is not what the run began with", "eval_data: the content", "learning_rate: a setting"];
        foreach (string said in all)
            Assert.Contains(said, refused.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("  - data:", refused.Error, StringComparison.Ordinal);

        File.WriteAllBytes(weights, original);
        File.WriteAllLines(At("held.jsonl"), held);
        Program.Run(resume).Good();
        File.Delete(Path.Combine(run, "begun.json"));
        Directory.Delete(Path.Combine(run, "adapter"), recursive: true);
        File.Move(At("moved.jsonl"), At("rows.jsonl"));
        Assert.Contains("An older program began this run", Program.Run([.. resume[..4], "--threads", "1"]).Good().Error, StringComparison.Ordinal);
    }
}
