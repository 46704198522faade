namespace LowRank;

public sealed partial class AdapterHost
{
    private object? _merged;

    /// <summary>Comes with merging.</summary>
    public void Merge() => _merged = this;

    /// <summary>Comes with merging.</summary>
    public void Unmerge() => _merged = null;
}
