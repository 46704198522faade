using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Errors of rows: those with one reason are told once, with the places of the others.</summary>
internal sealed class RowErrors(int most)
{
    private const int MostPlaces = 5;
    private readonly List<Reason> _reasons = [];

    private sealed class Reason(BadInputException first)
    {
        public BadInputException First { get; } = first;
        public List<string> Others { get; } = [];
        public long Count { get; set; } = 1;
    }

    /// <summary>How many came.</summary>
    public long Count { get; private set; }

    /// <summary>Counts an error; reasons beyond the greatest number are not kept.</summary>
    public void Add(BadInputException error)
    {
        Count++;
        var same = _reasons.Find(r => r.First.Problem == error.Problem && r.First.Remedy == error.Remedy);
        if (same is null)
        {
            if (_reasons.Count < most) _reasons.Add(new Reason(error));
            return;
        }
        same.Count++;
        if (same.Others.Count < MostPlaces && error.Place is { } place) same.Others.Add(place);
    }

    /// <summary>The first error of each reason, with how many have it.</summary>
    public IReadOnlyList<(BadInputException Error, long Rows)> Reasons => [.. _reasons.Select(r => (Told(r), r.Count))];

    /// <summary>All as one error.</summary>
    public BadInputException Joined(string problem, string place) => BadInputException.All(problem, [.. Reasons.Select(r => r.Error)], place);

    private static BadInputException Told(Reason reason)
    {
        var e = reason.First;
        if (reason.Count == 1) return e;
        string more = reason.Count - 1 > reason.Others.Count ? $" and {reason.Count - 1 - reason.Others.Count} more" : "";
        return new(e.Problem, e.Value, e.Place, e.Expected, $"{(e.Remedy is { } remedy ? remedy.TrimEnd('.') + ". " : "")}The same at {string.Join(", ", reason.Others)}{more}.", e);
    }
}
