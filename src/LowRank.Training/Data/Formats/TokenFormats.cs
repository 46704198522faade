namespace LowRank.Training;

/// <summary>Rows that are one text.</summary>
internal static class TokenFormats
{
    /// <summary>All of a text is learnt, its end too.</summary>
    public static Row Text(RowFields fields, RowContext context)
    {
        int[] ids = context.NeedEncoder().Whole(context.Plain(fields["text"], "text"));
        return new Row(ids, ids);
    }
}
