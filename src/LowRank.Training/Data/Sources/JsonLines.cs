namespace LowRank.Training;

/// <summary>.jsonl: a JSON value a line; blank lines are passed over.</summary>
internal static class JsonLines
{
    public static IEnumerable<RawRow> Read(DataFile file) => Lines.Of(file).Select(l => new RawRow(file, l.Number, l.Line));
}
