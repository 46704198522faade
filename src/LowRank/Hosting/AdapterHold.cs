namespace LowRank;

/// <summary>While it is not disposed, which adapters act stays as it is; see <see cref="AdapterHost.Hold"/>.</summary>
public sealed class AdapterHold : IDisposable
{
    private readonly AdapterHost _host;

    internal AdapterHold(AdapterHost host, string why) => (_host, Why) = (host, why);

    /// <summary>What is going on.</summary>
    public string Why { get; }

    /// <summary>A mixed batch of the holder's own: as <see cref="AdapterHost.Rows"/>.</summary>
    public IDisposable Rows(IReadOnlyList<string?> adapterOfRow, IReadOnlyDictionary<string, double>? strengths = null) => _host.Mix(adapterOfRow, strengths);

    /// <summary>Ends it.</summary>
    public void Dispose() => _host.End(this);
}
