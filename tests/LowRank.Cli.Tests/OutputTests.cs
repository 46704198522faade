using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

/// <summary>Where the program writes: never over or into what it reads, never over what others wrote, never where another process
/// writes.</summary>
[Collection(SharedWorld.Name)]
public class OutputTests(World world)
{
    [Fact]
    public void Nothing_that_a_verb_reads_is_replaced_with_force_or_without()
    {
        string folder = world.Fresh("mine"), data = Path.Combine(folder, "data");
        Directory.CreateDirectory(data);
        foreach (string file in (string[])["rows.jsonl", "LICENSE"]) File.Copy(world.Rows, Path.Combine(data, file));
        string rows = Path.Combine(data, "rows.jsonl"), adapter = world.At("a"),
            input = Path.Combine(Paths.Golden("models/llama"), "expected.safetensors");
        var (mine, model, adapters) = (FolderContent.Of(folder), FolderContent.Of(world.Model), FolderContent.Of(adapter));
        foreach (var (arguments, expected) in ((string[], string)[])
        [
            (["merge", "--adapter", adapter, "--output", world.Model], "the folder that is read"),
            (["merge", "--adapter", adapter, "--output", Path.GetDirectoryName(world.Model)!], "holds the model"),
            (["merge", "--adapter", adapter, "--output", adapter + "/"], "the folder that is read"),
            (["logits", "--input", input, "--output", Path.Combine(world.Model, "model.safetensors")], "lies in the folder of the model"),
            (["train", "--data", rows, "--output", folder], "holds the data"),
            (["train", "--data", data, "--output", Path.Combine(data, "run")], "lies in the folder of the data"),
            (["train", "--data", rows, "--init-adapter", adapter, "--output", adapter], "the adapter to start from"),
            (["eval", "--data", rows, "--generate", "--predictions", rows], "the file that is read"),
            (["data", rows, "--html", rows], "the file that is read"),
        ])
        {
            var refused = Program.Run([.. arguments, "--model", world.Model, "--force"]);
            Assert.True(refused.Code == 2, string.Join(' ', arguments) + refused.Error);
            Assert.Contains(expected, refused.Error);
            Assert.DoesNotContain("--force", refused.Error);
        }
        Assert.Equal(mine, FolderContent.Of(folder));
        Assert.Equal(model, FolderContent.Of(world.Model));
        Assert.Equal(adapters, FolderContent.Of(adapter));
    }

    [Fact]
    public void Force_replaces_a_run_and_a_merge_unless_they_hold_something_else()
    {
        string run = world.Fresh("replaced"), notes = Path.Combine(run, "notes.txt"), merged = world.Fresh("merged"),
            link = world.Fresh("link");
        Program.Run([.. world.TrainArguments("float32", 2), "--output", run]).Good();
        var before = FolderContent.Of(run);
        Exists([.. world.TrainArguments("float32", 3), "--output", run]);
        Assert.Equal(before, FolderContent.Of(run));
        File.WriteAllText(notes, "mine");
        before = FolderContent.Of(run);
        var refused = Program.Run([.. world.TrainArguments("float32", 3), "--output", run, "--force"]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("notes.txt", refused.Error);
        Assert.Equal(before, FolderContent.Of(run));
        File.Delete(notes);
        Program.Run([.. world.TrainArguments("float32", 3), "--output", run, "--force"]).Good();
        Assert.Equal(3, File.ReadLines(Path.Combine(run, "log.jsonl")).Count());
        Assert.Equal("run", FolderMarker.KindOf(run));
        Assert.True(FolderMarker.Check(run).IsWhole);

        string[] merge = ["merge", "--model", world.Model, "--adapter", world.At("a"), "--output"];
        Program.Run([.. merge, merged]).Good();
        Exists([.. merge, merged, "--dtype", "bfloat16"]);
        Assert.DoesNotContain("bfloat16", File.ReadAllText(Path.Combine(merged, "config.json")));
        Directory.CreateSymbolicLink(link, merged);
        Program.Run([.. merge, link, "--dtype", "bfloat16", "--force"]).Good();
        Assert.Equal(merged, new FileInfo(link).LinkTarget);
        Assert.Contains("bfloat16", File.ReadAllText(Path.Combine(merged, "config.json")));
        Assert.True(FolderMarker.Check(merged).IsWhole);

        static void Exists(string[] arguments)
        {
            var refused = Program.Run(arguments);
            Assert.Equal(2, refused.Code);
            Assert.Contains("the output already exists. Choose another place, or give --force to replace it.", refused.Error);
        }
    }

    [Fact]
    public void A_run_that_goes_on_is_left_alone_by_others_and_killed_says_where_it_begins_again()
    {
        string run = world.Fresh("running");
        string[] arguments = [.. world.TrainArguments("float32", 200_000), "--set", "save_steps=0", "--output", run];
        var process = Program.Start(arguments);
        try
        {
            string log = Path.Combine(run, "log.jsonl");
            while (!process.HasExited && !(File.Exists(log) && new FileInfo(log).Length > 0)) Thread.Sleep(5);
            foreach (string[] others in (string[][])[["train", "--output", run, "--resume"], [.. arguments, "--force"]])
            {
                var refused = Program.Run(others);
                Assert.Equal(2, refused.Code);
                Assert.Contains($"process {process.Id} on ", refused.Error);
            }
        }
        finally { process.Kill(); }
        Program.Finish(process);
        var resumed = Program.Start("train", "--output", run, "--resume", "--quiet");
        string? said = resumed.StandardError.ReadLine();
        resumed.Kill();
        Program.Finish(resumed);
        Assert.Equal("There is no checkpoint yet: begins again at step 1.", said);
    }

    [Fact]
    public void A_damaged_checkpoint_is_bad_input_and_another_step_can_be_asked_for()
    {
        string run = world.Fresh("damaged");
        Program.Run([.. world.TrainArguments("float32", 20), "--output", run]).Good(); // checkpoints 7 and 14
        File.Delete(Path.Combine(run, "report.html"));
        File.Delete(Path.Combine(run, "checkpoints", "step-14", "state.json"));
        var refused = Program.Run("train", "--output", run, "--resume", "--json");
        Assert.Equal(2, refused.Code);
        Assert.Contains("state.json is missing", (string?)refused.Json["error"]!["message"]);
        Assert.Contains("--resume --step 7", (string?)refused.Json["error"]!["remedy"]);
        var good = Program.Run("train", "--output", run, "--resume", "--step", "7", "--quiet").Good();
        Assert.Contains("Goes on after step 7.", good.Error);
        Assert.Contains("set aside", good.Error);
        Assert.Equal(2, Program.Run([.. world.TrainArguments("float32", 3), "--output", world.Fresh("x"), "--step", "3"]).Code);
    }

    [Fact]
    public void With_force_a_file_that_is_none_of_the_kind_that_is_written_is_kept()
    {
        string input = Path.Combine(Paths.Golden("models/llama"), "expected.safetensors"), weights = world.Fresh("weights"),
            mine = world.Fresh("rows"), empty = world.Fresh("empty"), page = world.Fresh("page");
        File.Copy(Path.Combine(world.Model, "model.safetensors"), weights);
        File.Copy(world.Texts, mine);
        File.WriteAllText(empty, "");
        File.WriteAllText(page, "<!doctype html>\n<p>mine</p>\n" + new string(' ', 500));
        string[] Logits(string output) => ["logits", "--model", world.Model, "--input", input, "--output", output, "--quiet", "--force"];
        string[] Eval(string output) => ["eval", "--model", world.Model, "--data", world.Texts, "--generate", "--limit", "1",
            "--max-new-tokens", "1", "--quiet", "--predictions", output, "--force"];
        string[] Data(string output) => ["data", world.Texts, "--quiet", "--html", output, "--force"];
        foreach (var (verb, foreign) in ((Func<string, string[]>, string[])[])
            [(Logits, [weights, mine]), (Eval, [mine, page]), (Data, [page])])
        {
            foreach (string file in foreign)
            {
                byte[] before = File.ReadAllBytes(file);
                string place = world.Fresh("place"), kept = place + ".kept";
                File.Copy(file, place);
                Assert.Equal(2, Program.Run(verb(place)[..^1]).Code);
                Assert.Equal(before, File.ReadAllBytes(place));
                Assert.Contains($"it is kept as {kept}", Program.Run(verb(place)).Good().Error);
                Assert.Equal(before, File.ReadAllBytes(kept));
                Assert.NotEqual(before, File.ReadAllBytes(place));
                Assert.DoesNotContain("kept", Program.Run(verb(place)).Good().Error);
            }
            string own = world.Fresh("own");
            File.Copy(empty, own);
            for (int i = 0; i < 2; i++) Program.Run(verb(own)).Good();
            Assert.False(File.Exists(own + ".kept"));
        }
    }

    [Fact]
    public void A_finished_run_whose_result_is_damaged_is_not_done()
    {
        string run = world.Fresh("finished"), weights = Path.Combine(run, "adapter", "adapter_model.safetensors");
        string[] resume = ["train", "--output", run, "--resume", "--threads", "1", "--quiet"];
        Program.Run([.. world.TrainArguments("float32", 9), "--output", run]).Good();
        byte[] whole = File.ReadAllBytes(weights);
        Assert.Contains("Done", Program.Run(resume).Good().Out);
        File.WriteAllBytes(weights, whole[..^8]);
        var refused = Program.Run(resume);
        Assert.Equal(2, refused.Code);
        Assert.Contains("it was changed since LowRank wrote it (adapter_model.safetensors)", refused.Error);
        Assert.False((bool)Program.Run("inspect", run, "--json").Good().Json["finished"]!);
        File.Delete(weights);
        Assert.Contains("Goes on after step 7.", Program.Run(resume).Good().Error);
        Assert.Equal(whole, File.ReadAllBytes(weights));
        Assert.True((bool)Program.Run("inspect", run, "--json").Good().Json["finished"]!);
    }
}
