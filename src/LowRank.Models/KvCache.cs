using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// Keys and values of the tokens seen so far, per layer [B, KeyHeads, capacity, HeadSize], grown by doubling; and which of them are
/// real tokens, for batches of prompts padded on the left. Used without gradients, always within inference mode or always outside it.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly Tensor?[] _keys, _values;
    private Tensor? _valid; // [B, Length] bool; null while every position is a token
    private long _reserved;

    /// <summary>An empty cache.</summary>
    /// <param name="layers">Blocks of the model.</param>
    /// <param name="capacity">Tokens to make room for at first.</param>
    public KvCache(int layers, int capacity = 256)
    {
        (_keys, _values) = (new Tensor?[layers], new Tensor?[layers]);
        _reserved = Math.Max(1, capacity);
    }

    /// <summary>Positions held, padding included.</summary>
    public int Length { get; private set; }
    /// <summary>Rows B; 0 while nothing is held.</summary>
    public int Rows => _keys[0] is { } k ? (int)k.size(0) : 0;
    /// <summary>[B, Length] bool, true for tokens; null where there is no padding.</summary>
    public Tensor? Valid => _valid;
    /// <summary>Bytes of all buffers.</summary>
    public long Bytes => _keys.Concat(_values).Sum(t => t is null ? 0 : t.NumberOfElements * t.ElementSize);

    /// <summary>Keeps these rows only, in this order (drop finished ones, reorder, repeat).</summary>
    /// <param name="rows">Row numbers, each in 0..Rows-1.</param>
    public void Select(IReadOnlyList<int> rows)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        if (_keys[0] is null) return;
        var index = tensor(rows.Select(r => (long)r).ToArray(), device: _keys[0]!.device);
        for (int i = 0; i < _keys.Length; i++)
        {
            if (_keys[i] is not null) (_keys[i], _values[i]) = (Swap(_keys[i]!, _keys[i]!.index_select(0, index)), Swap(_values[i]!, _values[i]!.index_select(0, index)));
        }
        if (_valid is not null) _valid = Swap(_valid, _valid.index_select(0, index));
    }

    /// <summary>Forgets everything beyond the first <paramref name="length"/> positions.</summary>
    public void Truncate(int length)
    {
        if (length < 0 || length > Length) throw new ArgumentOutOfRangeException(nameof(length), length, $"the cache holds {Length} positions");
        using var scope = NewDisposeScope();
        if (_valid is not null) _valid = Swap(_valid, _valid.narrow(1, 0, length).clone());
        Length = length;
    }

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        foreach (var t in _keys.Concat(_values)) t?.Dispose();
        _valid?.Dispose();
        Array.Clear(_keys);
        Array.Clear(_values);
        (_valid, Length) = (null, 0);
    }

    /// <summary>Makes room for <paramref name="added"/> positions and notes which of them are tokens ([B, added] bool; null: all).</summary>
    internal void Announce(long rows, long added, Tensor? valid)
    {
        if (Rows != 0 && rows != Rows) throw new ArgumentException($"the cache holds {Rows} rows, the batch has {rows}");
        while (_reserved < Length + added) _reserved *= 2;
        if (_valid is null && valid is null) return;
        using var scope = NewDisposeScope();
        var device = (valid ?? _valid)!.device;
        var past = _valid ?? ones(rows, Length, ScalarType.Bool, device);
        var whole = cat([past.narrow(1, 0, Length), valid ?? ones(rows, added, ScalarType.Bool, device)], 1).DetachFromDisposeScope();
        _valid?.Dispose();
        _valid = whole;
    }

    /// <summary>Stores a layer's new keys and values [B, KeyHeads, T, d] and returns views of all so far; the last layer's call advances <see cref="Length"/>.</summary>
    internal (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        using var plain = no_grad();
        long added = keys.size(2), total = Length + added;
        Store(ref _keys[layer], keys, added);
        Store(ref _values[layer], values, added);
        if (layer == _keys.Length - 1) Length = (int)total;
        return (_keys[layer]!.narrow(2, 0, total), _values[layer]!.narrow(2, 0, total));
    }

    private void Store(ref Tensor? buffer, Tensor part, long added)
    {
        if (buffer is null || buffer.size(2) < Length + added)
        {
            using var scope = NewDisposeScope();
            var larger = empty([part.size(0), part.size(1), _reserved, part.size(3)], part.dtype, part.device);
            if (buffer is not null && Length > 0) larger.narrow(2, 0, Length).copy_(buffer.narrow(2, 0, Length));
            buffer?.Dispose();
            buffer = larger.DetachFromDisposeScope();
        }
        using var inner = NewDisposeScope();
        buffer.narrow(2, Length, added).copy_(part);
    }

    private static Tensor Swap(Tensor old, Tensor fresh)
    {
        old.Dispose();
        return fresh.DetachFromDisposeScope();
    }
}
