namespace LowRank.Text.Chat;

/// <summary>Keys of rows and turns that say nothing about what is learnt: where a thing comes from, when, whose it is, how it was
/// judged.</summary>
public static class KnownKeys
{
    private static readonly HashSet<string> Harmless =
    [
        "id", "_id", "idx", "index", "uid", "uuid", "guid", "hash", "md5", "sha256", "key", "__index_level_0__", "unnamed: 0", "row", "no",
        "number", "line", "line_number", "page",
        "source", "sources", "src", "origin", "dataset", "dataset_name", "data_source", "subset", "split", "file", "file_name", "filename",
        "path", "url", "urls", "uri", "link", "links",
        "category", "categories", "topic", "topics", "task", "task_type", "task_name", "type", "kind", "domain", "subject", "field", "area",
        "tag", "tags", "keyword", "keywords", "genre",
        "lang", "language", "languages", "locale", "title", "name", "author", "authors", "username", "avatarurl", "license", "licence",
        "copyright", "publisher",
        "date", "time", "timestamp", "created", "created_at", "create_time", "updated_at", "update_time", "year", "version", "revision",
        "tstamp",
        "model", "model_name", "generator", "generated_by", "teacher", "provider", "temperature", "top_p", "seed", "finish_reason",
        "stop_reason", "usage",
        "difficulty", "level", "grade", "quality", "score", "scores", "rating", "ratings", "likes", "upvotes", "votes", "views",
        "perplexity", "confidence",
        "toxicity", "toxic", "redacted", "moderation", "openai_moderation", "annotator", "annotations", "annotation", "note", "notes",
        "comment", "comments",
        "meta", "metadata", "extra", "info", "extra_info", "custom_instruction", "skip_prompt_formatting",
        "length", "len", "num_turns", "n_turns", "num_tokens", "n_tokens", "token_count", "num_chars", "char_count", "word_count",
        "parallel_tool_calls", "tool_choice", // how a request was made
    ];

    // The ids of batches and tokens, in the singular: near misses of keys that mean something.
    private static readonly string[] NoIds = ["input_id", "token_type_id", "position_id", "token_id", "label_id"];

    /// <summary>Whether a key of a row or turn changes nothing about it.</summary>
    public static bool IsHarmless(string name)
    {
        string plain = name.Trim().ToLowerInvariant().Replace('-', '_');
        return Harmless.Contains(plain) || (plain.EndsWith("_id", StringComparison.Ordinal) && !NoIds.Contains(plain));
    }
}
