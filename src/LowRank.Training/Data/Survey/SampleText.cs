using LowRank.Text;

namespace LowRank.Training;

/// <summary>A piece of a row's text, and whether it is learnt.</summary>
/// <param name="Text">Its text.</param>
/// <param name="Trained">Whether its tokens are targets.</param>
public sealed record SamplePart(string Text, bool Trained);

/// <summary>A row as people read it.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Format">Its format.</param>
/// <param name="Length">Its tokens, cut.</param>
/// <param name="FullLength">Its tokens before it was cut.</param>
/// <param name="Parts">Its text.</param>
public sealed record SampleText(string Place, string Format, int Length, int FullLength, IReadOnlyList<SamplePart> Parts)
{
    /// <summary>A row decoded.</summary>
    /// <param name="row">The row.</param>
    /// <param name="format">Its format.</param>
    /// <param name="fullLength">Its tokens before it was cut.</param>
    /// <param name="tokenizer">What decodes it; null: a token is a character, or of rows of ids a number.</param>
    internal static SampleText Of(Row row, string format, int fullLength, Tokenizer? tokenizer)
    {
        List<(string Text, bool Trained)> parts = [];
        void Add(string text, bool trained)
        {
            if (parts.Count > 0 && parts[^1].Trained == trained) parts[^1] = (parts[^1].Text + text, trained);
            else parts.Add((text, trained));
        }
        var stream = tokenizer?.NewStream(skipSpecialTokens: false);
        for (int i = 0; i < row.InputIds.Length; i++)
        {
            bool trained = i > 0 && row.Labels[i] != Row.Ignored;
            int id = trained ? row.Labels[i] : row.InputIds[i]; // rows of ids may have other targets than their tokens
            Add(stream is not null ? stream.Push(id) : format == "input_ids" ? $"{(i > 0 ? " " : "")}{id}" : ((char)id).ToString(), trained);
        }
        if (stream is not null) Add(stream.End(), row.Labels[^1] != Row.Ignored);
        return new(row.Place ?? "", format, row.InputIds.Length, fullLength, [.. parts.Where(p => p.Text.Length > 0).Select(p => new SamplePart(p.Text, p.Trained))]);
    }
}
