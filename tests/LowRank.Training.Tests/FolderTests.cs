using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

/// <summary>Which files of a folder are data, and which of them are meant.</summary>
public class FolderTests
{
    [Theory]
    [InlineData("train.jsonl test.jsonl validation.jsonl", "train.jsonl", "test: test.jsonl; validation: validation.jsonl")]
    [InlineData("train/a.jsonl train/b.jsonl dev/a.jsonl", "train/a.jsonl train/b.jsonl", "validation: dev/a.jsonl")]
    [InlineData("data/test-00000-of-00001.parquet data/train-00000-of-00002.parquet data/train-00001-of-00002-0a1b.parquet data/unsupervised-00000-of-00001.parquet",
        "data/train-00000-of-00002.parquet data/train-00001-of-00002-0a1b.parquet",
            "unsupervised: data/unsupervised-00000-of-00001.parquet")]
    [InlineData("my_TRAIN_set.json my-eval-set.json", "my_TRAIN_set.json", "test: my-eval-set.json")]
    [InlineData("rows.jsonl holdout.jsonl", "rows.jsonl", "holdout: holdout.jsonl")]
    [InlineData("train.jsonl extra.jsonl", "train.jsonl", "what has no split's name: extra.jsonl")]
    [InlineData("latest.jsonl contest.jsonl trainee.jsonl devices.jsonl", "contest.jsonl devices.jsonl latest.jsonl trainee.jsonl", null)]
    [InlineData("train/data-00000-of-00001.arrow train/state.json train/cache-0a.arrow test/data-00000-of-00001.arrow dataset_dict.json",
        "train/data-00000-of-00001.arrow", "test: test/data-00000-of-00001.arrow")]
    public void The_training_split_is_taken_and_the_others_are_named(string files, string taken, string? left)
    {
        string folder = Folder(files);
        Assert.Equal(taken, Taken(folder, heldOut: false));
        string notes = string.Join('\n', DataFolder.List(folder, false).Notes);
        if (left is null) Assert.Equal("", notes);
        else Assert.Contains(left, notes);
    }

    [Theory]
    [InlineData("test.jsonl validation.jsonl", "no training split", "test: test.jsonl; validation: validation.jsonl")]
    [InlineData("test-00000-of-00001.parquet", "no training split", "test: test-00000-of-00001.parquet")]
    [InlineData("train_sft-00000-of-00001.parquet train_gen-00000-of-00001.parquet", "several training splits", "train_gen")]
    [InlineData("train_test.jsonl", "both training and held-out", "train_test.jsonl")]
    [InlineData("a.jsonl b.csv c.txt", "several kinds", ".json: a.jsonl; .csv: b.csv; .txt: c.txt")]
    [InlineData("a.jsonl a.jsonl.gz", "a file twice", "a.jsonl and a.jsonl.gz")]
    [InlineData("LICENSE.txt README.md requirements.txt", "no data files", "LICENSE.txt, README.md, requirements.txt")]
    public void A_folder_that_leaves_it_open_is_refused(string files, string says, string value)
    {
        var error = Assert.Throws<BadInputException>(() => DataFolder.List(Folder(files), false));
        Assert.Contains(says, error.Problem);
        Assert.Contains(value, error.Value);
    }

    [Fact]
    public void For_held_out_rows_the_other_split_is_meant()
    {
        Assert.Equal("test.jsonl", Taken(Folder("train.jsonl test.jsonl"), heldOut: true));
        Assert.Equal("a.jsonl b.jsonl", Taken(Folder("a.jsonl b.jsonl"), heldOut: true));
        Assert.Contains("several splits", Assert.Throws<BadInputException>(()
            => DataFolder.List(Folder("train.jsonl test.jsonl dev.jsonl"), true)).Problem);
        string folder = Folder("train.jsonl test.jsonl");
        Assert.Equal([Path.Combine(folder, "test.jsonl")], DataFile.Of(new DataSources(new DataSource(folder)).AsHeldOut()[0]).Select(f
            => f.Path));
        Assert.Equal("a.jsonl", Taken(Path.Combine(Folder("train/a.jsonl test/a.jsonl"), "test"), heldOut: false)); // named itself
    }

    [Fact]
    public void Runs_and_what_else_LowRank_wrote_among_the_data_are_left_out_and_said()
    {
        string folder = Folder("rows.jsonl more/rows.jsonl");
        foreach (string name in (string[])["run", "more/merged"])
            AtomicFile.WriteFolder(Path.Combine(folder, name), f =>
            {
                AtomicFile.WriteText(Path.Combine(f, "log.jsonl"), "{}");
                string checkpoint = Path.Combine(f, "checkpoints", "step-1");
                AtomicFile.WriteFolder(checkpoint, c => AtomicFile.WriteText(Path.Combine(c, "state.json"), "{}"));
            }, kind: OutputKind.Run);
        Assert.Equal("more/rows.jsonl rows.jsonl", Taken(folder, heldOut: false));
        Assert.Equal([$"{folder}: left out, as LowRank wrote it: more/merged/, run/"], DataFolder.List(folder, false).Notes);
        File.Delete(Path.Combine(folder, "rows.jsonl"));
        File.Delete(Path.Combine(folder, "more", "rows.jsonl"));
        Assert.Equal("more/merged/, run/", Assert.Throws<BadInputException>(() => DataFolder.List(folder, false)).Value);
    }

    [Fact]
    public void Companions_and_caches_are_left_out_and_said()
    {
        string folder = Folder("train.jsonl LICENSE.txt README.md requirements.txt cache-2d0a.arrow dataset_info.json notes.docx .hidden.jsonl x.jsonl.lock");
        var list = DataFolder.List(folder, false);
        Assert.Equal([Path.Combine(folder, "train.jsonl")], list.Files);
        Assert.Equal($"{folder}: left out, as they are no rows: LICENSE.txt, README.md, cache-2d0a.arrow, dataset_info.json, notes.docx and 2 more", Assert.Single(list.Notes));
    }

    [Fact]
    public void A_saved_selection_or_an_incomplete_data_set_is_refused()
    {
        string folder = Folder("data-00000-of-00001.arrow");
        void State(string json) => File.WriteAllText(Path.Combine(folder, "state.json"), json);
        State("""{"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_indices_data_files": null}""");
        Assert.Single(DataFolder.List(folder, false).Files);
        State("""{"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_indices_data_files": [{"filename": "indices.arrow"}]}""");
        Assert.Contains("flatten_indices", Assert.Throws<BadInputException>(() => DataFolder.List(folder, false)).Remedy);
        State("""{"_data_files": [{"filename": "data-00000-of-00002.arrow"}]}""");
        Assert.Equal("data-00000-of-00002.arrow", Assert.Throws<BadInputException>(() => DataFolder.List(folder, false)).Value);
    }

    [Fact]
    public void Links_that_lead_back_bring_no_file_twice_and_no_folder_is_too_deep()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a right of their own there");
        string deep = string.Concat(Enumerable.Repeat("d/", 12)) + "b.jsonl", folder = Folder($"a.jsonl one/c.jsonl {deep}");
        Directory.CreateSymbolicLink(Path.Combine(folder, "self"), ".");
        Directory.CreateSymbolicLink(Path.Combine(folder, "one", "up"), folder);
        Directory.CreateSymbolicLink(Path.Combine(folder, "two"), "one"); // another name, as a copy would be
        Assert.Equal($"a.jsonl {deep} one/c.jsonl two/c.jsonl", Taken(folder, heldOut: false));
    }

    [Theory]
    [InlineData("""{"a": 1, "a": 2}""")]
    [InlineData("""{"\ud800": 1}""")]
    [InlineData("[")]
    public void A_state_of_another_program_is_passed_over(string state)
    {
        string folder = Folder("a.jsonl");
        File.WriteAllText(Path.Combine(folder, "state.json"), state);
        Assert.Equal("a.jsonl", Taken(folder, heldOut: false));
    }

    [Fact]
    public void A_card_names_the_files_of_each_split()
    {
        string folder = Folder("en/a.jsonl en/b.jsonl en/z.jsonl other.jsonl");
        void Card(string yaml) => File.WriteAllText(Path.Combine(folder, "README.md"), $"---\n{yaml}\n---\n# Data\n");
        Card("configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: [en/a*]\n  - split: test\n    path: \"**/b.jsonl\"");
        Assert.Equal("en/a.jsonl", Taken(folder, heldOut: false));
        Assert.Equal("en/b.jsonl", Taken(folder, heldOut: true));
        Assert.Contains("as README.md does not name them: en/z.jsonl, other.jsonl", string.Join('\n',
            DataFolder.List(folder, false).Notes));
        Card("configs:\n- config_name: en\n  data_files: en/*\n- config_name: fr\n  data_files: fr/*");
        Assert.Equal("en, fr", Assert.Throws<BadInputException>(() => DataFolder.List(folder, false)).Value);
        Card("configs:\n- config_name: en\n  data_files: fr/*");
        Assert.Contains("not there", Assert.Throws<BadInputException>(() => DataFolder.List(folder, false)).Problem);
        Card("configs:");
        Assert.Equal("en/a.jsonl en/b.jsonl en/z.jsonl other.jsonl", Taken(folder, heldOut: false));
        foreach (string faulty in (string[])["configs: {", "configs: " + new string('[', 60_000)])
        {
            Card(faulty);
            Assert.Equal(4, DataFolder.List(folder, false).Files.Count);
            Assert.Contains("README.md: its head is no YAML", DataFolder.List(folder, false).Notes[0]);
        }
    }

    private static string Folder(string files)
    {
        string folder = Paths.Temporary();
        foreach (string name in files.Split(' '))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.WriteAllText(Path.Combine(folder, name), "");
        }
        return folder;
    }

    private static string Taken(string folder, bool heldOut)
        => string.Join(' ', DataFolder.List(folder, heldOut).Files.Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/')));
}
