using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A batch whose rows use different adapters, while it is in force.</summary>
internal sealed class RowScope : IDisposable
{
    private readonly AdapterHost _host;
    private readonly long _rows;

    public RowScope(AdapterHost host, IReadOnlyList<(Adapter? Adapter, double Strength)> rows, Device device)
    {
        (_host, _rows) = (host, rows.Count);
        using var scope = NewDisposeScope();
        foreach (var group in rows.Select((r, i) => (r.Adapter, r.Strength, Row: (long)i)).Where(r => r.Adapter is not null).GroupBy(r => (r.Adapter, r.Strength)))
        {
            long[] index = [.. group.Select(g => g.Row)];
            Groups.Add((group.Key.Adapter!, group.Key.Strength, index.Length == rows.Count ? null : tensor(index, device: device).DetachFromDisposeScope()));
        }
    }

    /// <summary>Adapter, strength, its rows; null: all rows.</summary>
    public List<(Adapter Adapter, double Strength, Tensor? Index)> Groups { get; } = [];

    public void Check(string module, Tensor input)
    {
        if (input.dim() == 0 || input.size(0) != _rows)
            throw new BadInputException($"a mixed batch of {_rows} rows met a layer whose input is not laid out by rows", $"{module} [{string.Join(", ", input.shape)}]", expected: $"[{_rows}, ..]", remedy: "Run the adapters one after another, or do not target layers that regroup the batch (experts).");
    }

    public void Dispose()
    {
        _host.EndRows(this);
        foreach (var group in Groups) group.Index?.Dispose();
    }
}
