using System.Text.Json.Nodes;

namespace LowRank.Models;

/// <summary>Keys of config.json that change nothing of what the frozen model computes: bookkeeping, generation settings, and dropout, which is off.</summary>
internal static class HarmlessKeys
{
    private static readonly HashSet<string> Names = new(StringComparer.Ordinal)
    {
        // bookkeeping
        "architectures", "model_type", "transformers_version", "_name_or_path", "name_or_path", "torch_dtype", "dtype", "auto_map", "initializer_range", "initializer_factor",
        "use_cache", "return_dict", "output_attentions", "output_hidden_states", "torchscript", "use_bfloat16", "pruned_heads", "problem_type", "task_specific_params",
        "tie_encoder_decoder", "is_decoder", "is_encoder_decoder", "chunk_size_feed_forward", "finetuning_task", "id2label", "label2id", "tokenizer_class", "prefix",
        "_attn_implementation", "_attn_implementation_autoset", "attn_implementation", "_attn_implementation_internal", "_commit_hash", "_experts_implementation", "cache_implementation", "pretraining_tp",
        "is_llama_config", "unsloth_version", "unsloth_fixed", "transformers.js_config", "gradient_checkpointing", "n_ctx", "tokenizer_vocab_size", "_rope_scaling_validated",
        "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj", "reorder_and_upcast_attn", "use_flash_attn",
        // token ids: the tokenizer's and the sampler's business
        "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "decoder_start_token_id",
        // dropout of heads that are not there
        "classifier_dropout", "classifier_dropout_prob",
        // losses and noise of pretraining
        "output_router_logits", "router_aux_loss_coef", "router_jitter_noise", "router_z_loss_coef",
        // generation settings that old files repeat
        "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
        "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores",
        "return_dict_in_generate", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens",
        "tf_legacy_loss", "cross_attention_hidden_size",
    };

    // Off while adapters are trained (docs/adr/0018), which is told.
    private static readonly string[] DropoutNames =
        ["attention_dropout", "attn_pdrop", "dropout", "embd_pdrop", "hidden_dropout", "hidden_dropout_prob", "resid_pdrop"];

    public static bool Contains(string key) => Names.Contains(key) || DropoutNames.Contains(key);

    /// <summary>The dropout that a configuration asks for and that never acts, as `resid_pdrop 0.1`.</summary>
    public static IEnumerable<string> Dropouts(JsonObject config)
        => ((JsonObject?[])[config, config["text_config"] as JsonObject]).OfType<JsonObject>().SelectMany(c => DropoutNames
            .Where(n => c[n] is JsonValue v && v.TryGetValue(out double share) && share != 0).Select(n => $"{n} {c[n]!.ToJsonString()}")).Distinct();
}
