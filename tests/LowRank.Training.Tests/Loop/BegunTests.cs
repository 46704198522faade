using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.Chat;
using Xunit;

namespace LowRank.Training.Tests;

/// <summary>What a run was begun with, told from what is there now by contents alone.</summary>
public sealed class BegunTests
{
    private readonly string _home = Paths.Temporary();

    private string Write(string name, string text)
    {
        string path = Path.Combine(_home, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    private string At(string name) => Path.Combine(_home, name);

    private RunSettings Settings()
    {
        Write("model/config.json", "{}");
        Write("model/model.safetensors", "weights");
        Write("model/README.md", "of no account");
        Write("model/tokenizer.json", ByteTokenizer.Json);
        Write("model/tokenizer_config.json", """{"chat_template": "{{ messages[0].content }}"}""");
        Write("adapter/adapter_config.json", "{}");
        Write("adapter/adapter_model.safetensors", "factors");
        Write("data/a.jsonl", "1");
        Write("data/b.jsonl", "2");
        return new RunSettings
        {
            Model = At("model"), Data = At("data"), EvalData = Write("eval.jsonl", "3"), InitAdapter = At("adapter"),
            ChatTemplate = Write("t.jinja", "{{ messages[0].content }}!"),
        };
    }

    private static Begun Of(RunSettings settings)
        => Begun.Of(settings, TextConventions.Of(settings.Model, [settings.InitAdapter!], settings.ChatTemplate, "chat_template"));

    private static string[] Differences(Begun then, RunSettings now) => [.. then.Differences(Of(now)).Select(e => e.Message)];

    [Fact]
    public void Nothing_differs_after_a_way_through_the_run_s_folder_or_where_files_only_moved()
    {
        var settings = Settings();
        Of(settings).Save(_home);
        var then = Begun.Read(_home)!;
        Assert.Empty(Differences(then, settings));
        Assert.Equal(At("eval.jsonl"), (string?)then.Settings["eval_data"]);
        const string Three = "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"; // printf 3 | sha256sum
        Assert.Equal(Three, (string?)then.Inputs()["eval_data"]![0]!["sha256"]);
        Write("model/README.md", "of no account, and changed");
        Directory.Move(At("data"), At("moved"));
        Directory.Move(At("model"), At("base"));
        var moved = settings with { Data = At("moved"), Model = At("base"), ChatTemplate = Write("u.jinja", "{{ messages[0].content }}!") };
        Assert.Empty(Differences(then, moved));
        Assert.Null(Begun.Read(At("moved")));
    }

    [Theory]
    [InlineData("model/model.safetensors", "model: the content is not what the run began with (got {0}")]
    [InlineData("model/config.json", "model: the content is not what the run began with (got {0}")]
    [InlineData("adapter/adapter_model.safetensors", "init_adapter: the content is not what the run began with (got {0}")]
    [InlineData("data/b.jsonl", "data: the content is not what the run began with (got {0}")]
    [InlineData("eval.jsonl", "eval_data: the content is not what the run began with (got {0}")]
    [InlineData("t.jinja", "chat_template: the content is not what the run began with (got {0}")]
    [InlineData("data/c.jsonl", "data: the run began without this (got {0})")]
    [InlineData("model/generation_config.json", "tokenizer: the run began without this (got {0})")]
    public void A_replaced_file_is_named_with_its_setting(string file, string said)
    {
        var settings = Settings();
        var then = Of(settings);
        Write(file, "{\"x\": \"other\"}");
        string error = Assert.Single(Differences(then, settings));
        Assert.StartsWith(said.Replace("{0}", At(file), StringComparison.Ordinal), error, StringComparison.Ordinal);
        Assert.EndsWith("Put back what was there, or start a new run.", error, StringComparison.Ordinal);
    }

    [Fact]
    public void All_differences_come_at_once_and_weights_of_sources_count()
    {
        var settings = Settings();
        var then = Of(settings);
        File.Delete(At("data/a.jsonl"));
        Write("eval.jsonl", "4");
        string[] errors = Differences(then, settings with { ChatTemplate = null });
        var named = errors.Select(e => e[..e.IndexOf(':', StringComparison.Ordinal)]);
        Assert.Equal(["chat_template", "data", "data", "eval_data"], named.Order(StringComparer.Ordinal));
        var one = settings with { Data = At("data/b.jsonl") };
        var twice = one with { Data = new DataSources(new DataSource(At("data/b.jsonl"), 2)) };
        const string Remedy = "Put back what was there, or start a new run.";
        Assert.Equal([$"data: the weight of {At("data/b.jsonl")} is not what the run began with (got 2); expected 1. {Remedy}"],
            Differences(Of(one), twice));
        Assert.Equal([$"eval_data: the run began with a file that is gone (got {At("eval.jsonl")}). {Remedy}"],
            Differences(Of(one), one with { EvalData = null }));
    }

    [Fact]
    public void Settings_count_by_their_values()
    {
        var settings = Settings() with { Dtype = "float32", LearningRate = 1e-4 };
        var then = Of(settings);
        Assert.Empty(Differences(then, settings with { Dtype = "auto" }));
        Assert.Equal(["dtype: a setting disagrees with the run that is to go on (got \"bfloat16\"); expected \"float32\". "
            + "Leave it out, or start a new run."], Differences(then, settings with { Dtype = "bfloat16" }));
        Assert.StartsWith("learning_rate: a setting disagrees", Assert.Single(Differences(then, settings with { LearningRate = 2e-4 })),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_cannot_be_read_are_named()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a right of their own there");
        var settings = Settings();
        File.CreateSymbolicLink(At("model/gone.safetensors"), At("nowhere"));
        Assert.StartsWith(At("model/gone.safetensors") + ": the file cannot be read",
            Assert.Throws<BadInputException>(() => Of(settings)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"inputs\": {\"data\": [3]}, \"settings\": {}}")]
    [InlineData("{\"inputs\": {\"data\": [{\"name\": \"a\", \"file\": \"b\"}]}, \"settings\": {}}")]
    [InlineData("{\"inputs\": {}, \"inputs\": {}, \"settings\": {}}")]
    public void A_damaged_note_is_one_clear_error(string text)
    {
        Write(Begun.FileName, text);
        string error = Assert.Throws<BadInputException>(() => Begun.Read(_home)).Message;
        Assert.StartsWith(At(Begun.FileName) + ": the file cannot be read", error, StringComparison.Ordinal);
    }
}
