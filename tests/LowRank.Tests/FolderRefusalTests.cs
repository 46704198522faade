using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>What is no adapter of PEFT's, or does not fit together, is called what it is.</summary>
public class FolderRefusalTests
{
    private const string First = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

    [Theory]
    [InlineData("\"r\": 2", "\"r\": null", "r: a setting has the wrong kind of value (got null); expected a whole number")]
    [InlineData("\"lora_alpha\": 3", "\"lora_alpha\": null", "lora_alpha: a setting has the wrong kind of value (got null); expected a number")]
    [InlineData("\"lora_alpha\": 3", "\"lora_alpha\": NaN", "lora_alpha: a setting has the wrong kind of value (got \"NaN\"); expected a number")]
    [InlineData("\"revision\": null", "\"lora_rank\": 7", "lora_rank: this key is not known (PEFT 0.21.2 has none of this name) (got 7). Did you mean 'r'? If it changes nothing")]
    [InlineData("\"revision\": null", "\"some_new_config\": {\"a\": 1}", "some_new_config: this key is not known (PEFT 0.21.2 has none of this name) (got {\"a\":1})")]
    [InlineData("\"use_rslora\": false", "\"use_rslora\": false, \"use_rsLora\": true", "Did you mean 'use_rslora'")]
    [InlineData("\"init_lora_weights\": true", "\"init_lora_weights\": \"corda\"", "this initialisation cannot be done yet")]
    [InlineData("\"q_proj\",\n    \"v_proj\"", "\"all-linear\"", "target_modules: all-linear is no module's name: it stands alone (got [all-linear]); expected \"all-linear\", or a list of module names. Write target_modules: all-linear, without a list.")]
    [InlineData("[\n    \"q_proj\",\n    \"v_proj\"\n  ]", "\"(.+)+\\\\.\\\\1\"", "the regular expression takes more than 2 s on one module's name")]
    public void A_configuration_is_refused_by_its_key(string from, string to, string expected)
    {
        using var w = new FolderWorld();
        w.Configure(from, to);
        string message = w.Refusal().Message;
        Assert.Contains(expected, message);
        Assert.Contains(w.Folder, message);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("\"r\": 2", "\"r\": 16", "16, the tensors have 2 in all modules")]
    [InlineData("\"r\": 2", "\"r\": 2000000000", "2000000000, the tensors have 2 in all modules")] // nothing of that size is asked for
    [InlineData("\"rank_pattern\": {}", "\"rank_pattern\": {\"1.self_attn.v_proj\": 3}", "3, the tensors have 2 in 1 of 4 modules, such as model.layers.1.self_attn.v_proj")]
    public void Another_rank_in_the_file_is_told_once(string from, string to, string expected)
    {
        using var w = new FolderWorld();
        w.Configure(from, to);
        var error = w.Refusal();
        Assert.Equal("adapter_config.json says another rank than the tensors have", error.Problem);
        Assert.Equal(expected, error.Value);
        Assert.Equal(w.Config, error.Place);
        Assert.Contains("to 2 if lora_alpha", error.Remedy);
        Assert.Contains(expected, Assert.Throws<BadInputException>(() => StoredAdapter.Open(w.Folder)).Message);
    }

    [Fact]
    public void A_rank_beyond_the_file_is_refused_before_anything_is_made_also_where_its_tensors_are_missing()
    {
        using var w = new FolderWorld();
        w.Configure("\"rank_pattern\": {}", "\"rank_pattern\": {\"lm_head\": 2000000000}");
        w.Configure("\"q_proj\",", "\"q_proj\", \"lm_head\",");
        Assert.Contains("base_model.model.lm_head.lora_A.weight: r 2000000000; the file's largest is 2", w.Refusal().Message);
    }

    [Fact]
    public void Ranks_of_one_module_that_differ_are_no_other_base()
    {
        using var w = new FolderWorld();
        w.Rewrite((n, t) => (n, n == First.Replace("_A", "_B") ? zeros(6, 3) : t));
        string message = w.Refusal().Message;
        Assert.Contains("a tensor has the wrong shape (got base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [6, 3]); expected [6, 2]. A and B of one module have two ranks.", message);
        w.Rewrite((n, t) => (n, n == First ? zeros(2, 5) : t));
        Assert.Contains($"{First} [2, 5]); expected [2, 6]. The adapter was made for another base model.", w.Refusal().Message);
    }

    [Fact]
    public void Tensors_that_were_saved_in_parts_are_called_that()
    {
        using var w = new FolderWorld();
        w.Rewrite((n, _) => (n, zeros(0)));
        string message = w.Refusal().Message;
        Assert.Contains("DeepSpeed (ZeRO-3)", message);
        Assert.Contains("8 of 8 tensors, such as base_model.model.", message);
        Assert.Contains("stage3_gather_16bit_weights_on_model_save", message);
    }

    [Theory]
    [InlineData("base_model.model.", "")]
    [InlineData("base_model.model.", "base_model.model.base_model.model.")]
    [InlineData("model.layers", "model.language_model.layers")]
    [InlineData("base_model.model.model", "base_model.model.transformer")]
    public void A_beginning_that_differs_in_all_keys_is_one_line(string from, string to)
    {
        using var w = new FolderWorld();
        w.Rewrite((n, t) => (n.Replace(from, to, StringComparison.Ordinal), t));
        string message = w.Refusal().Message;
        Assert.Contains($"the names of all tensors begin in another way than this model's (got {First.Replace(from, to, StringComparison.Ordinal)}); expected {First}. The adapter was saved", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Of_many_mistakes_of_a_kind_the_first_are_told()
    {
        using var w = new FolderWorld(new LoraConfig { Rank = 2, TargetModules = Selector.Of("q_proj", "v_proj"), ModulesToSave = ["norm", "lm_head"] });
        w.Rewrite((n, t) => n.Contains("lora_B", StringComparison.Ordinal) || !n.Contains("lora", StringComparison.Ordinal) ? null : (n, t));
        string message = w.Refusal().Message;
        Assert.Contains("and 5 more missing tensors", message);
        Assert.Equal(10, message.Split('\n').Length);
    }

    [Fact]
    public void Two_adapters_in_one_file_are_not_mixed()
    {
        using var w = new FolderWorld();
        w.Rewrite((n, t) => (n.Replace(".weight", n.Contains("q_proj", StringComparison.Ordinal) ? ".one.weight" : ".two.weight", StringComparison.Ordinal), t));
        Assert.Contains("the file holds several adapters (got one, two)", w.Refusal().Message);
    }

    [Fact]
    public void A_file_is_no_folder()
    {
        using var w = new FolderWorld();
        string At(string name) => Path.Combine(Path.GetDirectoryName(w.Folder)!, name);
        Assert.Contains($"an adapter is given as its folder, not as a file in it (got adapter_model.safetensors). Give {w.Folder}.", w.Refusal(w.Weights).Message);
        File.Copy(w.Weights, At("alone.safetensors"));
        Assert.Contains("tensors without their configuration", w.Refusal(At("alone.safetensors")).Message);
        File.WriteAllBytes(At("adapter_model.bin"), [0x80, 2, 0, 0]);
        Assert.Contains("torch.load('adapter_model.bin', weights_only=True)", w.Refusal(At("adapter_model.bin")).Message);
        File.WriteAllBytes(At("lora.gguf"), new GgufBuilder().Set("general.type", "adapter").Set("general.architecture", "llama").Build());
        Assert.Contains("this is an adapter in GGUF, llama.cpp's format, which is not read", w.Refusal(At("lora.gguf")).Message);
        File.Copy(At("lora.gguf"), At("lora")); // by its content, not its name
        Assert.Contains("an adapter in GGUF", w.Refusal(At("lora")).Message);
        File.WriteAllBytes(At("model.gguf"), new GgufBuilder().Set("general.architecture", "llama").Build());
        Assert.Contains("this is a GGUF model, not an adapter", w.Refusal(At("model.gguf")).Message);
        File.WriteAllText(At("notes.txt"), "x");
        Assert.Contains("notes.txt: this is a file, no adapter", w.Refusal(At("notes.txt")).Message);
    }

    [Fact]
    public void A_folder_of_another_kind_is_called_what_it_is()
    {
        using var w = new FolderWorld();
        string Made(string name, params string[] files)
        {
            string folder = Path.Combine(Path.GetDirectoryName(w.Folder)!, name);
            Directory.CreateDirectory(folder);
            foreach (string file in files)
            {
                string to = Path.Combine(folder, file);
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                if (file.EndsWith(".gguf", StringComparison.Ordinal)) File.WriteAllBytes(to, new GgufBuilder().Set("general.type", "adapter").Build());
                else if (file.EndsWith("adapter_config.json", StringComparison.Ordinal)) File.Copy(w.Config, to);
                else if (file.EndsWith("adapter_model.safetensors", StringComparison.Ordinal)) File.Copy(w.Weights, to);
                else File.WriteAllText(to, "{}");
            }
            return folder;
        }
        void Says(string folder, string expected) => Assert.Contains(expected, w.Refusal(folder).Message);

        Says(Made("model", "config.json", "model.safetensors"), "this is a model, not an adapter; expected a folder with adapter_config.json and adapter_model.safetensors. Give it as the model (--model).");
        Says(Made("gguf", "lora.gguf"), "lora.gguf: this is an adapter in GGUF");
        Says(Made("gguf-too", "adapter_config.json", "lora.gguf"), "lora.gguf: this is an adapter in GGUF");
        Says(Made("bare", "adapter_model.safetensors"), "the folder holds no adapter (got adapter_model.safetensors); expected adapter_config.json. Its tensors say neither alpha nor method");
        Says(Made("pickle", "adapter_config.json", "adapter_model.bin"), "the adapter's weights are a pickle file");
        Says(Made("renamed", "adapter_config.json", "lora.safetensors"), "the adapter's weights are missing (got beside it lies lora.safetensors); expected adapter_model.safetensors");
        Says(Made("empty"), "the folder holds no adapter (got an empty folder)");
        string mlx = Made("mlx", "adapters.safetensors");
        Says(mlx, "this is an adapter of Apple's MLX (mlx-lm)");
        File.WriteAllText(Path.Combine(mlx, "adapter_config.json"), """{"fine_tune_type": "lora", "num_layers": 16, "lora_parameters": {"rank": 8, "scale": 20.0}}""");
        Says(mlx, "mlx_lm.fuse");
        string broken = Made("broken", "adapter_config.json");
        File.WriteAllText(Path.Combine(broken, "adapter_config.json"), "{\"r\": ");
        Says(broken, Path.Combine(broken, "adapter_config.json"));
    }

    [Theory]
    [InlineData("model.layers.0.self_attn.q_proj.lora_a", "an adapter of Apple's MLX")]
    [InlineData("lora_te_text_model_q_proj.lora_down.weight", "the layout of kohya's scripts")]
    [InlineData("model.layers.0.self_attn.q_proj.weight", "these are a model's weights, not an adapter's")]
    public void Tensors_of_another_layout_are_called_what_they_are(string key, string expected)
    {
        using var w = new FolderWorld();
        w.Rewrite((n, t) => n == First ? (key, t) : null);
        Assert.Contains(expected, w.Refusal().Message);
    }
}
