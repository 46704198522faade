namespace LowRank.Training;

/// <summary>Rows that are one text or token ids.</summary>
internal static class TokenFormats
{
    /// <summary>All of a text is learnt, its end too.</summary>
    public static Row Text(RowFields fields, RowContext context)
    {
        string text = context.String(fields["text"], "text");
        var encoder = context.NeedEncoder();
        int[] ids = WithEnd(encoder.Encode(text, true), encoder);
        return new Row(ids, ids);
    }

    /// <summary>Ids as they are; without labels all are learnt.</summary>
    public static Row Ids(RowFields fields, RowContext context)
    {
        int[] ids = context.Integers(fields["input_ids"], "input_ids");
        return new Row(ids, fields.Maybe("labels") is { } labels ? context.Integers(labels, "labels") : ids);
    }

    /// <summary>Puts the end token behind ids that do not end with it.</summary>
    public static int[] WithEnd(int[] ids, TokenEncoder encoder)
        => encoder.EosId is { } eos && (ids.Length == 0 || ids[^1] != eos) ? [.. ids, eos] : ids;
}
