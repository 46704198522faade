using System.Text.Json;

namespace LowRank.Training;

/// <summary>Rows that say which answer is better. They are recognised and looked at by `lowrank data`; fine-tuning on answers refuses them.</summary>
internal static class PreferenceFormats
{
    /// <summary>A chosen and a rejected answer: texts or messages, with a prompt beside them or within both.</summary>
    public static Row Pair(RowFields fields, RowContext context)
    {
        Refuse(context, "chosen and rejected answers", fields.Has("prompt") ? "columns: {completion: chosen}"
            : fields.KindOf("chosen") == JsonValueKind.Array ? "columns: {messages: chosen}" : "columns: {text: chosen}");
        Answer(fields, "rejected", context);
        return Answer(fields, "chosen", context);
    }

    /// <summary>One answer and whether it is good.</summary>
    public static Row Unpaired(RowFields fields, RowContext context)
    {
        Refuse(context, "answers with a label", "data_format: prompt_completion");
        _ = fields["label"];
        return Answer(fields, "completion", context);
    }

    private static Row Answer(RowFields fields, string key, RowContext context)
    {
        var answer = fields[key];
        if (fields.Maybe("prompt") is { } prompt && !(prompt.ValueKind == JsonValueKind.String && answer.ValueKind == JsonValueKind.Array)) return PromptCompletion.Make(prompt, answer, key, fields, context);
        // a prompt of text repeats the first message
        if (answer.ValueKind == JsonValueKind.Array) return ChatRows.Make(ChatRows.Read(answer, key, context), fields, context);
        var encoder = context.NeedEncoder();
        int[] ids = encoder.Whole(context.Plain(answer, key));
        return new Row(ids, ids);
    }

    private static void Refuse(RowContext context, string what, string remedy)
    {
        if (!context.Options.Survey)
            throw context.Error($"a preference row ({what}) needs a preference objective such as DPO or KTO, which there is not yet", remedy: $"To learn the {(what[0] == 'c' ? "chosen" : "given")} answers as they are, set {remedy}.");
    }
}
