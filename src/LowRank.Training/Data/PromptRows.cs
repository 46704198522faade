using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Training;

/// <summary>What is to be answered: one of a text, ids and a conversation.</summary>
/// <param name="Place">Where it stands.</param>
public sealed record PromptRow(string Place)
{
    /// <summary>A text.</summary>
    public string? Text { get; init; }
    /// <summary>Token ids.</summary>
    public int[]? Ids { get; init; }
    /// <summary>A conversation, to be answered.</summary>
    public ChatRequest? Chat { get; init; }
    /// <summary>Its keys that change nothing here: remarks, and what training rows have besides.</summary>
    public IReadOnlyList<string> Unused { get; init; } = [];
}

/// <summary>Reads what is to be answered with the same readers, checks and names as training rows.</summary>
public static class PromptRows
{
    private const int MostErrors = 10;
    private const string Expected = "{\"prompt\": text}, {\"text\": text}, {\"messages\": […]} or {\"input_ids\": […]}";

    private static readonly string[] Kinds = ["prompt", "text", "messages", "conversations", "input_ids"];

    // What training rows have besides: the answer, which is not asked for here.
    private static readonly string[] Answers = ["completion", "labels", "label", "chosen", "rejected", .. TokenRows.Keys,
        .. TurnWeight.Names];

    // What requests say of how text is made, and the option that says it here: in data such a key tells how the answer was made.
    private static readonly Dictionary<string, string?> Asking = new()
    {
        ["temperature"] = "--temperature", ["top_p"] = "--top-p", ["top_k"] = "--top-k", ["min_p"] = "--min-p", ["seed"] = "--seed",
        ["repetition_penalty"] = "--repetition-penalty", ["max_tokens"] = "--max-new-tokens", ["max_new_tokens"] = "--max-new-tokens",
        ["max_completion_tokens"] = "--max-new-tokens", ["max_length"] = "--max-new-tokens", ["stop"] = "--stop",
        ["do_sample"] = "--greedy", ["ignore_eos"] = "--ignore-eos", ["model"] = "--model", ["chat_template"] = "--template",
        ["tool_choice"] = null, ["parallel_tool_calls"] = null, ["skip_prompt_formatting"] = null, ["custom_instruction"] = null,
    };

    /// <summary>The rows of a data file of any kind: a text, a list of messages, or an object with prompt, text (as lines of
    /// .txt have it), messages, conversations or input_ids. All mistakes at once.</summary>
    /// <exception cref="BadInputException">The file or rows of it cannot be read.</exception>
    public static IReadOnlyList<PromptRow> Read(string path)
    {
        List<PromptRow> rows = [];
        var errors = new RowErrors(MostErrors);
        foreach (var raw in DataFile.Of(path).SelectMany(f => f.Rows()))
        {
            try { rows.Add(Of(raw.Json, raw.Place)); }
            catch (BadInputException e) { errors.Add(e); }
            if (errors.Count == MostErrors) break;
        }
        if (errors.Count > 0) throw errors.Joined("the prompts have mistakes", path);
        return rows.Count > 0 ? rows : throw new BadInputException("the file holds no prompts", place: path, expected: Expected);
    }

    /// <summary>The one conversation of a .json file: a list of messages, or an object with messages (or conversations), tools and so
    /// on.</summary>
    /// <exception cref="BadInputException">It is none.</exception>
    public static PromptRow Conversation(string path)
    {
        var row = Of(System.Text.Encoding.UTF8.GetBytes(TextFile.Read(path)), path);
        return row.Chat is not null ? row : throw new BadInputException("there are no messages", place: path,
            expected: "a list of {\"role\", \"content\"}, or {\"messages\": [...], \"tools\": [...]}");
    }

    private static PromptRow Of(ReadOnlyMemory<byte> json, string place)
    {
        RowContext context = new(place, null, new DataOptions(""));
        try
        {
            using var document = RowMaker.Parse(json, context);
            var root = document.RootElement;
            return root.ValueKind switch
            {
                JsonValueKind.String => new(place) { Text = context.Plain(root, "prompt") },
                JsonValueKind.Array => new(place) { Chat = Asked(root, "messages", _ => null, context) },
                JsonValueKind.Object => OfObject(new RowFields(root, context), context),
                _ => throw context.Error("the row has no prompt", MessageReader.Kind(root), Expected),
            };
        }
        catch (BadInputException e) when (e.Place is null)
        {
            throw new BadInputException(e.Problem, e.Value, place, e.Expected, e.Remedy, e);
        }
    }

    private static PromptRow OfObject(RowFields fields, RowContext context)
    {
        string[] kinds = [.. Kinds.Where(fields.Has)];
        if (kinds.Length == 0)
            throw context.Error("the row has no prompt", fields.Found, Expected,
            fields.Names.Select(k => NearNames.Sentence(k, Kinds, within: 2)).FirstOrDefault(s => s is not null));
        if (kinds.Length > 1) throw context.Error($"the row has two prompts, \"{kinds[0]}\" and \"{kinds[1]}\"", fields.Found, Expected);
        PromptRow row = new(context.Place);
        if (kinds[0] == "input_ids") row = row with { Ids = Ids(fields, context) };
        else if (kinds[0] == "text" || (kinds[0] == "prompt" && fields.KindOf("prompt") == JsonValueKind.String))
            row = row with { Text = context.Plain(fields[kinds[0]], kinds[0]) };
        else row = row with { Chat = Asked(fields[kinds[0]], kinds[0], fields.Maybe, context) };
        List<string> passed = [.. fields.Unread], unread = [.. passed.Where(k => Asking.ContainsKey(Plain(k))
            || (!KnownKeys.IsHarmless(k) && !Answers.Contains(k)))];
        return unread.Count == 0 ? row with { Unused = passed } : throw NothingIsMade(unread, fields, context);
    }

    private static BadInputException NothingIsMade(List<string> unread, RowFields fields, RowContext context)
    {
        string[] options = [.. unread.Select(k => Asking.GetValueOrDefault(Plain(k))).OfType<string>().Distinct()];
        string?[] remedies =
        [
            unread.Select(k => Asking.ContainsKey(Plain(k)) ? null : RowKeys.Hint(k, ["messages", .. ConversationParts.Keys]))
                .FirstOrDefault(h => h is not null),
            options.Length == 0 ? null : $"For all prompts there {(options.Length == 1 ? "is" : "are")} {string.Join(", ", options)}.",
            $"Take {(unread.Count == 1 ? "it" : "them")} out.",
        ];
        return context.Error($"the row has {(unread.Count == 1 ? "a key" : "keys")} that nothing is made of: "
            + string.Join(", ", unread.Select(k => $"\"{k}\"")), fields.Found,
            remedy: string.Join(" ", remedies.Where(r => r is not null)));
    }

    private static string Plain(string key) => key.Trim().ToLowerInvariant().Replace('-', '_');

    private static int[] Ids(RowFields fields, RowContext context)
    {
        int[] ids = TokenRows.Make(fields, context).InputIds;
        if (ids.Length == 0) throw context.Error("\"input_ids\" is empty", expected: "at least one id");
        int negative = Array.FindIndex(ids, i => i < 0);
        return negative < 0 ? ids : throw context.Error($"\"input_ids\"[{negative}] is not a token id", $"{ids[negative]}", "0 or more");
    }

    private static ChatRequest Asked(JsonElement value, string key, Func<string, JsonElement?> field, RowContext context)
        => ConversationParts.Request(ConversationParts.WithSystem(MessageReader.Read(value, key, context.Options.Ignored), field),
            field) with { AddGenerationPrompt = true };
}
