namespace LowRank.Tensors;

/// <summary>
/// A thread's memory for matrices that are expanded, multiplied with and forgotten: one block that grows to the largest of them. Tensors of libtorch's instead, of every size in turn between those that a
/// graph keeps, leave holes in glibc's heap.
/// </summary>
internal sealed unsafe class ExpansionBuffer
{
    [ThreadStatic] private static ExpansionBuffer? _own;

    private WeightMemory? _memory; // its finaliser frees it when the thread is gone

    /// <summary>At least so many bytes, the same each time; null from <see cref="QuantizedWeight.LargestTransient"/> on, where libtorch's blocks have pages of their own.</summary>
    public static byte* Take(long bytes)
    {
        if (bytes >= QuantizedWeight.LargestTransient) return null;
        var own = _own ??= new();
        if (own._memory is null || own._memory.Length < bytes)
        {
            own._memory?.Dispose();
            own._memory = null;
            own._memory = WeightMemory.Allocate(bytes);
        }
        return own._memory.Start;
    }
}
