using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What settings are called elsewhere: the remedy for a key that nobody knows here names ours.</summary>
internal static class SettingNames
{
    private const string Flag = "--", Section = "adapter.";

    // Transformers, TRL, axolotl, LLaMA-Factory, mlx-lm, torchtune, litgpt, Unsloth; one row for each of ours.
    private static readonly Dictionary<string, string> Ours = Table(
        ("model", "model_name_or_path base_model model_name model_path pretrained_model_name_or_path checkpoint_dir"),
        ("data", "dataset datasets dataset_name dataset_path train_file train_files train_data train_dataset data_path data_files"),
        ("eval_data", "eval_dataset eval_file validation_file validation_data val_data val_file test_file test_datasets"),
        ("columns", "dataset_text_field dataset_column_mapping field_instruction field_output field_messages"),
        ("data_format", "dataset_format prompt_style"),
        ("init_adapter", "adapter_name_or_path lora_model_dir resume_adapter_file adapter_checkpoint"),
        ("--output", "output output_dir out_dir adapter_path save_dir logging_dir"),
        ("--resume", "resume resume_from_checkpoint auto_resume_from_checkpoints"),
        ("--force", "force overwrite_output_dir"),
        ("--threads", "threads num_threads"),
        ("--quiet", "quiet disable_tqdm"),
        ("--device", "device device_map use_cpu no_cuda use_mps_device"),
        ("batch_size", "per_device_train_batch_size per_gpu_train_batch_size train_batch_size micro_batch_size global_batch_size"),
        ("gradient_accumulation_steps", "grad_accumulation_steps grad_accum_steps gradient_accumulation_iters accumulate_grad_batches"),
        ("max_length", "max_seq_length max_seq_len sequence_len sequence_length cutoff_len model_max_length block_size seq_length"),
        ("packing", "sample_packing packed use_packing"),
        ("padding_free", "flattening"),
        ("group_by_length", "length_grouped group_texts"),
        ("num_train_epochs", "num_epochs epochs epoch n_epochs num_epoch"),
        ("max_steps", "iters max_iters num_steps steps total_steps max_train_steps max_steps_per_epoch"),
        ("learning_rate", "lr rate base_lr"),
        ("lr_scheduler_type", "lr_scheduler scheduler lr_schedule"),
        ("lr_scheduler_kwargs", "lr_scheduler_args scheduler_kwargs"),
        ("warmup_steps", "num_warmup_steps lr_warmup_steps warmup warmup_iters"),
        ("warmup_ratio", "warmup_fraction lr_warmup_ratio warmup_proportion"),
        ("optim", "optimizer optimiser optimizer_type"),
        ("optim_args", "optimizer_args optimizer_kwargs optimizer_config"),
        ("adam_beta1", "beta1 adam_b1"), ("adam_beta2", "beta2 adam_b2"), ("adam_epsilon", "adam_eps epsilon eps"),
        ("weight_decay", "wd decay"),
        ("max_grad_norm", "max_norm clip_grad_norm gradient_clip_val gradient_clipping grad_clip max_gradient_norm"),
        ("loraplus_lr_ratio", "loraplus_ratio lora_plus_ratio loraplus"),
        ("gradient_checkpointing", "use_gradient_checkpointing grad_checkpoint enable_activation_checkpointing activation_checkpointing"),
        ("dtype", "bf16 fp16 fp32 tf32 torch_dtype precision mixed_precision compute_dtype half bnb_4bit_compute_dtype"),
        ("quantize", "load_in_4bit load_in_8bit quantization_bit quantization quantization_config "
            + "use_4bit_quantization bnb_4bit_quant_type"),
        ("save_dtype", "save_precision merge_dtype"),
        ("train_on_inputs", "train_on_prompt train_on_prompts mask_prompt mask_inputs completion_only_loss "
            + "train_on_completions_only train_on_source"),
        ("assistant_turns", "mask_history train_on_last_turn roles_to_train"),
        ("chat_template", "template chat_template_path"),
        ("truncation_side", "truncation"),
        ("eval_steps", "steps_per_eval eval_strategy evaluation_strategy evals_per_epoch "
            + "eval_interval val_interval run_validation_every_n_steps"),
        ("save_steps", "save_every save_strategy save_interval saves_per_epoch checkpoint_interval"),
        ("save_total_limit", "keep_last_n_checkpoints max_checkpoints"),
        ("load_best_model_at_end", "save_best keep_best"),
        ("early_stopping_patience", "early_stopping patience"),
        ("seed", "random_state random_seed data_seed"),
        ("shuffle", "shuffle_dataset shuffle_data"),
        ("memory", "max_memory memory_limit"),
        ("adapter.r", "r rank lora_r lora_rank"), ("adapter.lora_alpha", "lora_alpha alpha scale"),
        ("adapter.lora_dropout", "lora_dropout dropout"),
        ("adapter.target_modules", "target_modules lora_target lora_target_modules lora_target_linear lora_attn_modules"),
        ("adapter.layers_to_transform", "num_layers lora_layers layers_to_transform"),
        ("adapter.modules_to_save", "modules_to_save lora_modules_to_save additional_target"),
        ("adapter.init_lora_weights", "init_lora_weights"), ("adapter.bias", "bias lora_bias_type"),
        ("adapter.peft_type", "peft_type peft_method finetuning_type fine_tune_type"));

    /// <summary>The one renamed setting: its old name says the opposite.</summary>
    private const string OldName = "assistant_only_loss", NewName = "train_on_inputs";

    /// <summary>The remedy for an unknown key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="settings">The names there are whose kind of value its value could be: a hint never crosses kinds.</param>
    public static string? Hint(string key, IEnumerable<string> settings)
    {
        if (Ours.TryGetValue(key.ToLowerInvariant().Replace('-', '_'), out string? ours))
            return ours.StartsWith(Flag, StringComparison.Ordinal) ? $"Give it as the option {ours}." : $"Did you mean '{ours}'?";
        return AdapterSection.UsedKeys.Contains(key) ? $"Did you mean '{Section}{key}'?" : NearNames.Sentence(key, settings);
    }

    /// <summary>A tree in which settings have today's names.</summary>
    public static JsonObject Renamed(JsonObject tree, List<BadInputException> errors)
    {
        if (!tree.ContainsKey(OldName)) return tree;
        tree = (JsonObject)tree.DeepClone();
        var value = tree[OldName];
        tree.Remove(OldName);
        if (value?.GetValueKind() is not (JsonValueKind.True or JsonValueKind.False))
            errors.Add(new("a value of the wrong kind", value?.ToJsonString() ?? "null", OldName, "true or false"));
        else if (tree[NewName] is { } other && other.GetValueKind() == value.GetValueKind())
            errors.Add(new("two settings contradict each other", $"{OldName}: {value.ToJsonString()}, {NewName}: {other.ToJsonString()}",
                NewName, remedy: $"Leave {OldName} out: it is {NewName}, the other way round."));
        else tree[NewName] = value.GetValueKind() == JsonValueKind.False;
        return tree;
    }

    private static Dictionary<string, string> Table(params (string Ours, string Others)[] rows)
        => rows.SelectMany(r => r.Others.Split(' '), (r, other) => (r.Ours, other)).ToDictionary(x => x.other, x => x.Ours);
}
