using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Cli.Tests;

/// <summary>Bad input: exit code 2, one clear message on standard error, with --json the same as one document on standard output, and
/// nothing left behind among the files it was given and at its output. (What only the first step shows has begun its run's folder by then:
/// such a case writes it elsewhere.)</summary>
public sealed class BadInputTests(BadInputTests.Cases cases) : IClassFixture<BadInputTests.Cases>
{
    /// <summary>A command line and the words that its message must have.</summary>
    private sealed record Case(string Name, string[] Arguments, params string[] Words);

    public static TheoryData<string> Names => [.. Table("", "", "").Select(c => c.Name)];

    [Theory, MemberData(nameof(Names))]
    public void Is_refused_with_one_clear_message(string name)
    {
        var (arguments, words, outcome, left) = cases.Outcomes[name];
        string all = $"{string.Join(' ', arguments)}\n{outcome.Error}\n{outcome.Out}";
        Assert.True(outcome.Code == 2, $"exit code {outcome.Code}: {all}");
        Assert.True(outcome.Error.StartsWith("error: ", StringComparison.Ordinal) && outcome.Error.Split("error: ").Length == 2, all);
        Assert.False(outcome.Error.Contains("   at ", StringComparison.Ordinal) || outcome.Error.Replace("...", "").Contains("..", StringComparison.Ordinal), all);
        Assert.All(words, w => Assert.True(outcome.Error.Contains(w, StringComparison.Ordinal), $"no \"{w}\" in: {all}"));
        var error = outcome.Json["error"]!;
        World.HasKeys(error, "message", "value", "place", "expected", "remedy");
        Assert.Single(outcome.Json.AsObject());
        Assert.Equal(outcome.Error["error: ".Length..].TrimEnd(), ((string)error["message"]!).TrimEnd());
        Assert.True(left.Length == 0, $"left behind: {string.Join(", ", left)}");
    }

    private static List<Case> Table(string home, string model, string golden)
    {
        string At(string name) => Path.Combine(home, name);
        string[] Train(string data, params string[] more) => ["train", "--model", model, "--data", At(data), "--output", At("out"), "--quiet", .. more];
        string[] Logits(string on, params string[] more) => ["logits", "--model", on, "--input", golden, "--output", At("out/logits.safetensors"), .. more];
        const string NaN = "model.layers.1.mlp.up_proj.weight is NaN at [3, 5]";
        string[] Generate(params string[] more) => ["generate", "--model", model, .. more];
        return
        [
            // models
            new("model absent", Logits(At("no-such-model")), "no-such-model", "Hugging Face folder"),
            new("embedded model misspelt", Logits("outlt"), "outlt", "'outlet'"),
            new("model truncated", Logits(At("truncated")), "model.safetensors", "truncated"),
            new("model empty file", Logits(At("empty")), "model.safetensors", "too short"),
            new("model as pickle", Logits(At("pickled")), "pickle", "pytorch_model.bin", "safetensors"),
            new("model is a pickle file", Logits(At("pickled/pytorch_model.bin")), "pickle", "safetensors"),
            new("pickle under a false name", Logits(At("disguised")), "pickle", "safetensors"),
            new("model without config", Logits(At("bare")), "config.json"),
            new("config no JSON", Logits(At("scrambled")), "config.json", "JSON"),
            new("config of an unknown family", Logits(At("unknown-family")), "model_type", "lama"),
            new("tensors missing", Logits(At("missing")), "model.layers.1.mlp.up_proj.weight", "lm_head.weight"),
            new("tensors of wrong shapes", Logits(At("shapes")), "model.norm.weight", "[47]", "[48]"),
            new("base with NaN", Logits(At("nan-base")), "nan-base", NaN),
            new("base with NaN, evaluated", ["eval", "--model", At("nan-base"), "--data", At("rows.jsonl")], "the loss is NaN", NaN),
            new("base with NaN, trained", ["train", "--model", At("nan-base"), "--data", At("rows.jsonl"), "--output", Path.Combine(Paths.Temporary(), "run"), "--set", "max_steps=1", "--quiet"], "step 1", NaN), // found by the first step: the run's folder is there
            new("base with NaN, merged", ["merge", "--model", At("nan-base"), "--adapter", At("north"), "--output", At("out")], NaN),
            new("base with NaN, generating", ["generate", "--model", At("nan-base"), "--prompts", At("rows.jsonl")], NaN),
            new("adapter as the model", Logits(At("north")), "this is an adapter, no model"),
            new("gguf truncated", Logits(At("cut.gguf")), "cut.gguf"),
            // adapters
            new("adapter absent", Logits(model, "--adapter", At("nort")), "nort", "'north'"),
            new("adapter without weights", Logits(model, "--adapter", At("weightless")), "adapter_model.safetensors"),
            new("adapter as pickle", Logits(model, "--adapter", At("adapter-pickle")), "pickle", "adapter_model.bin"),
            new("adapter truncated", Logits(model, "--adapter", At("adapter-cut")), "adapter_model.safetensors"),
            new("adapter for another base", Logits(Paths.Golden("models/gpt2"), "--adapter", At("north")), "match no layer"),
            new("adapter for another size", Logits(model, "--adapter", At("wide")), "lora_A.weight", "[4, 40]", "[4, 48]"),
            new("adapter with NaN", Logits(model, "--adapter", At("nan")), "NaN", "lora_B.weight"),
            new("adapter strength no number", Logits(model, "--adapter", At("north") + "=much"), "much", "NUMBER"),
            new("adapter given by two links", Logits(model, "--adapter", At("deep/adapter"), "--adapter", At("linked/adapter")), "an adapter is given twice"),
            new("adapter given twice", Logits(model, "--adapter", At("north"), "--adapter", Path.Combine(home, ".", "north") + "/=0.5"), "an adapter is given twice", "north"),
            new("nothing to merge", Logits(model, "--merged"), "--merged", "no effect"),
            new("row of an adapter not given", Logits(model, "--adapter", At("north"), "--rows-adapters", "north,south"), "south", "--rows-adapters"),
            new("rows miscounted", Logits(model, "--adapter", At("north"), "--rows-adapters", "north"), "1 names", "2"),
            new("rows of a merged model", Logits(model, "--adapter", At("north"), "--rows-adapters", "north,-", "--merged"), "merged", "--rows-adapters"),
            // logits
            new("input absent", ["logits", "--model", model, "--input", At("none.safetensors"), "--output", At("out")], "none.safetensors"),
            new("input without ids", ["logits", "--model", model, "--input", At("north/adapter_model.safetensors"), "--output", At("out")], "input_ids"),
            new("input as floats", ["logits", "--model", model, "--input", At("floats.safetensors"), "--output", At("out")], "F32", "I64"),
            new("ids outside the vocabulary", ["logits", "--model", model, "--input", At("outside.safetensors"), "--output", At("out")], "256", "0 to 255"),
            new("mask of another shape", ["logits", "--model", model, "--input", At("mask.safetensors"), "--output", At("out")], "attention_mask", "[2, 3]"),
            new("output exists", ["logits", "--model", model, "--input", golden, "--output", At("rows.jsonl")], "rows.jsonl", "--force"),
            new("merge output exists", ["merge", "--model", model, "--adapter", At("north"), "--output", At("north")], "north", "the folder that is read"),
            new("merge of nothing", ["merge", "--model", model, "--output", At("out")], "--adapter"),
            // training
            new("data absent", Train("no.jsonl"), "no.jsonl", "data"),
            new("data without rows", Train("no-rows.jsonl"), "no-rows.jsonl", "no rows"),
            new("data no JSON", Train("broken.jsonl"), "broken.jsonl:2"),
            new("data of an unknown format", Train("format.jsonl"), "format.jsonl:1", "completion"),
            new("rows without target", Train("untargeted.jsonl"), "untargeted.jsonl:2", "no target token"),
            new("rows without target left", Train("rows.jsonl", "--set", "max_length=3"), "max_length", "rows.jsonl:1"),
            new("row ids outside the vocabulary", Train("outside.jsonl"), "outside.jsonl:1", "256", "0 to 255"),
            new("texts without a tokenizer", ["train", "--model", Paths.Golden("models/llama"), "--data", At("texts.jsonl"), "--output", At("out")], "tokenizer", "texts.jsonl:1"),
            new("run exists", ["train", "--model", model, "--data", At("rows.jsonl"), "--output", At("north")], "north", "already exists"),
            new("output below a file", ["train", "--model", model, "--data", At("rows.jsonl"), "--output", At("rows.jsonl/run"), "--set", "max_steps=1", "--quiet"], "rows.jsonl/run"),
            new("targets that match nothing", Train("rows.jsonl", "--set", "adapter.target_modules=[q_porj, v_proj_]"), "q_porj", "'q_proj'"),
            new("settings unknown and wrong", Train("rows.jsonl", "--set", "learning_rat=1", "--set", "batch_size=many", "--set", "seed=-1", "--set", "nonsense", "--set", "lr_scheduler_type=cosin", "--set", "adapter.r=0"),
                "'learning_rate'", "many", "batch_size", "seed", "nonsense", "'cosine'", "adapter: r"),
            new("settings of other tools", Train("rows.jsonl", "--set", "per_device_train_batch_size=4", "--set", "lr=1", "--set", "adapter.rank=4", "--set", "adapter.r=null", "--set", "optim_args={betas: [0]}", "--set", "output_dir=x"),
                "'batch_size'", "'learning_rate'", "Did you mean 'r'?", "a value is missing", "optim_args.betas", "--output", "(6 mistakes)"),
            new("a setting given twice", Train("rows.jsonl", "--seed", "1", "--set", "seed=2"), "--seed and --set seed=2"),
            new("a rank beyond all layers", Train("rows.jsonl", "--set", "adapter.r=100000"), "adapter: r", "100000", "at most 48"),
            new("a bias that is not there", Train("rows.jsonl", "--set", "adapter.bias=all"), "there is no bias to train"),
            new("memory no amount", Train("rows.jsonl", "--memory", "much"), "much", "memory", "1.5GB"),
            new("memory too little", Train("rows.jsonl", "--memory", "20MB"), "20MB", "at least", "runtime", "max_length"),
            new("method not known", Train("rows.jsonl", "--set", "adapter.peft_type=LORAX"), "LORAX"),
            new("settings file absent", Train("rows.jsonl", "--config", At("none.yaml")), "none.yaml"),
            new("settings file no YAML", Train("rows.jsonl", "--config", At("broken.yaml")), "broken.yaml"),
            new("settings missing", ["train", "--output", At("out")], "model", "data"),
            new("nothing to resume", ["train", "--output", At("out"), "--resume"], "no run to go on with"),
            new("resume and force", Train("rows.jsonl", "--resume", "--force"), "--resume", "--force"),
            // generation
            new("no prompt", Generate(), "--prompt", "--prompts"),
            new("two prompts", Generate("--prompt", "a", "--prompts", At("rows.jsonl")), "--prompt", "--prompts"),
            new("prompts absent", Generate("--prompts", At("no.jsonl")), "no.jsonl"),
            new("prompts no prompts", Generate("--prompts", At("format.jsonl")), "format.jsonl:1", "input_ids"),
            new("prompt ids outside the vocabulary", Generate("--prompts", At("outside.jsonl")), "256", "0 to 255", "prompt 1"),
            new("prompt empty", Generate("--prompt", ""), "no tokens"),
            new("prompt without a tokenizer", ["generate", "--model", Paths.Golden("models/llama"), "--prompt", "a"], "tokenizer"),
            new("sampling out of range", Generate("--prompt", "a", "--top-p", "0", "--temperature", "-1", "--min-p", "2", "--max-new-tokens", "0"), "--top-p", "--temperature", "--min-p", "--max-new-tokens"),
            new("chances without a choice", Generate("--prompt", "a", "--greedy", "--temperature", "0.7", "--top-k", "5", "--top-p", "0.9", "--min-p", "0.1", "--template", "x"), "--temperature", "--top-k", "--top-p", "--min-p"),
            new("a template for no conversation", Generate("--prompt", "a", "--template", "x"), "--template", "no effect"),
            // the rest
            new("options of eval --generate", ["eval", "--model", model, "--data", At("rows.jsonl"), "--predictions", At("p.jsonl"), "--force", "--top-k", "5", "--stop", "x", "--max-new-tokens", "4"],
                "--predictions", "--force", "--top-k", "--stop", "--max-new-tokens", "(5 mistakes)"),
            new("eval chooses without chances", ["eval", "--model", model, "--data", At("texts.jsonl"), "--generate", "--top-k", "5", "--force"], "--top-k", "--force"),
            new("settings that eval does not use", ["eval", "--model", model, "--data", At("rows.jsonl"), "--set", "learning_rate=1", "--set", "dtype=float32", "--set", "max_length=9", "--max-length", "8", "--set", "lr=2"],
                "learning_rate", "Give --dtype", "--max-length and --set max_length=9", "'learning_rate'"),
            new("prompts as targets", ["eval", "--model", model, "--data", At("texts.jsonl"), "--generate", "--set", "train_on_inputs=true"], "train_on_inputs"),
            new("options of other modes", ["bench", "train", "--modes", "full", "--quantize", "int8", "--rank", "4"], "--quantize", "--rank"),
            new("force without a page", ["data", At("rows.jsonl"), "--force"], "--force", "--html"),
            new("model given twice", ["plan", "--model", model, "--model", At("x")], "--model", "more than once"),
            new("generation prompt of cases", ["render", "--cases", At("rows.jsonl"), "--template", "x", "--add-generation-prompt"], "--add-generation-prompt"),
            new("eval without data", ["eval", "--model", model], "--data"),
            new("eval data absent", ["eval", "--model", model, "--data", At("no.jsonl")], "no.jsonl"),
            new("eval generating without prompts", ["eval", "--model", model, "--data", At("rows.jsonl"), "--generate"], "prompt", "rows.jsonl"),
            new("inspect nothing", ["inspect", At("nothing")], "nothing", "lowrank inspect:"),
            new("inspect an adapter with NaN", ["inspect", At("nan")], "lora_B.weight", "not all finite"),
            new("plan of an unknown setting", ["plan", "--model", model, "--set", "batchsize=3"], "'batch_size'"),
            new("tokenize without a tokenizer", ["tokenize", "--model", Paths.Golden("models/llama"), "--texts", At("rows.jsonl")], "tokenizer"),
            new("texts absent", ["tokenize", "--model", model, "--texts", At("no.json")], "no.json"),
            new("texts no list", ["tokenize", "--model", model, "--texts", At("broken.yaml")], "broken.yaml"),
            new("verb unknown", ["trian"], "trian", "'train'"),
            new("verb missing", [], "verb", "quickstart"),
            new("option unknown", ["train", "--modle", "x"], "--modle", "'--model'"),
            new("option without a value", ["train", "--output", At("out"), "--model"], "--model", "needs a value"),
            new("option of another verb", ["doctor", "--quiet", "--threads", "2"], "--threads"),
            new("threads no number", Generate("--prompt", "a", "--threads", "two"), "two", "--threads", "whole number"),
            new("temperature no number", Generate("--prompt", "a", "--temperature", "hot"), "hot", "--temperature", "a number"),
            new("threads negative", Generate("--prompt", "a", "--threads", "-2"), "-2", "--threads"),
            new("dtype unknown", Generate("--prompt", "a", "--dtype", "float8"), "float8", "bfloat16"),
            new("device unknown", Generate("--prompt", "a", "--device", "tpu"), "tpu", "cpu"),
            new("device absent", Generate("--prompt", "a", "--device", "cuda:7"), "cuda:7", "--device"),
        ];
    }

    /// <summary>Runs every case once, one after the other, and keeps what they said and left.</summary>
    public sealed class Cases : IDisposable
    {
        private readonly string _home = Paths.Temporary(), _model = ByteTokenizer.Beside("llama");

        /// <summary>Makes the bad files and runs all cases.</summary>
        public Cases()
        {
            new BadFiles(_home, _model).Make();
            var before = Files();
            string golden = Path.Combine(Paths.Golden("models/llama"), "expected.safetensors");
            foreach (var c in Table(_home, _model, golden)) // one after the other: they write to the same places
            {
                var outcome = Program.Run([.. c.Arguments, "--json"]);
                Outcomes[c.Name] = (c.Arguments, c.Words, outcome, [.. Files().Except(before)]);
            }
        }

        internal Dictionary<string, (string[] Arguments, string[] Words, Program.Outcome Outcome, string[] Left)> Outcomes { get; } = [];

        /// <summary>Removes all files.</summary>
        public void Dispose()
        {
            Directory.Delete(_home, recursive: true);
            Directory.Delete(_model, recursive: true);
        }

        private HashSet<string> Files() => [.. Directory.EnumerateFileSystemEntries(_home, "*", SearchOption.AllDirectories)];
    }
}
