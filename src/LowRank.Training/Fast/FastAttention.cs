using System.Runtime.CompilerServices;
using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// Causal attention in tiles of 64 tokens that never leave the caches: scores are made, used and forgotten, forward and backward; what is kept of a row is the logarithm of its
/// softmax's sum. Queries, keys and values are read where the projection wrote them, a token's after another's. (The order of work is FlashAttention's, arXiv 2205.14135.)
/// </summary>
internal sealed unsafe class FastAttention : IDisposable
{
    private const int Block = 64, Half = 32, Chunk = 512, Spare = 8; // of a thread's time a part that it may wait
    private const float Nowhere = 1e30f;

    private readonly Kernels _k;
    private readonly int _heads, _keyHeads, _size, _pitch, _capacity, _padded;
    private readonly float _scale, _cap;
    private readonly bool _perHead;
    private readonly NativeBlock _keys, _values, _keyGradients, _valueGradients;
    private readonly NativeBlock[] _scratch;
    private readonly int _longest, _parts;

    /// <summary>For slices of up to <paramref name="rows"/> tokens (<paramref name="paddedRows"/> with each sequence filled up) and sequences of up to <paramref name="longest"/>.</summary>
    public FastAttention(AttentionSpec spec, Kernels kernels, int rows, int paddedRows, int longest)
    {
        (_k, _heads, _keyHeads, _size, _scale, _capacity, _padded) = (kernels, spec.Heads, spec.KeyHeads, spec.HeadSize, (float)spec.Scale, rows, paddedRows);
        _perHead = spec.Layout == QkvLayout.PerHead;
        _cap = (float)(spec.SoftCap ?? 0);
        _pitch = (spec.Heads + 2 * spec.KeyHeads) * spec.HeadSize;
        _longest = (longest + Block - 1) / Block * Block;
        _keys = new NativeBlock((long)paddedRows * _keyHeads * _size * _k.Size);
        _values = new NativeBlock((long)paddedRows * _keyHeads * _size * _k.Size);
        _parts = Parts(spec);
        _keyGradients = new NativeBlock(SumBytes(spec, rows));
        _valueGradients = new NativeBlock(SumBytes(spec, rows));
        _scratch = [.. Enumerable.Range(0, Workers.Count).Select(_ => new NativeBlock(ScratchBytes(_size, _longest, _k.Size)))];
    }

    /// <summary>Bytes that it takes.</summary>
    public long Held => _keys.Bytes + _values.Bytes + _keyGradients.Bytes + _valueGradients.Bytes + _scratch.Sum(b => b.Bytes);

    /// <summary>Bytes that one of these takes.</summary>
    public static long Bytes(AttentionSpec spec, int size, long rows, long paddedRows, long longest)
        => 2 * paddedRows * spec.KeyHeads * spec.HeadSize * size + 2 * SumBytes(spec, rows)
            + Workers.Count * ScratchBytes(spec.HeadSize, (longest + Block - 1) / Block * Block, size);

    // Sums of key and value gradients over the query heads of a key head: one for each query head where a slice may have too few key heads to keep all threads busy; none where there is nothing to add.
    private static int Parts(AttentionSpec spec) => spec.KeyHeads >= Spare * (Workers.Count - 1) ? 1 : spec.Heads / spec.KeyHeads;
    private static long SumBytes(AttentionSpec spec, long rows) => spec.Heads == spec.KeyHeads ? 0 : rows * spec.KeyHeads * Parts(spec) * spec.HeadSize * sizeof(float);

    // The passes take turns.
    private static long ScratchBytes(int headSize, long longest, int size) => Math.Max(ForwardScratch(headSize, size), BackwardScratch(headSize, longest, size));
    private static long ForwardScratch(int headSize, int size) => (Block * Chunk + Block * headSize + 5L * Block) * sizeof(float) + Block * Chunk * size;
    private static long BackwardScratch(int headSize, long longest, int size)
        => (4 * longest * headSize + 3 * Block * Block + 2 * Block * headSize) * size + (longest * headSize + 2 * longest + 2 * Block * Block + 3 * Block * headSize) * sizeof(float);

    /// <summary>Rows that it has room for.</summary>
    public bool Fits(FastSlice slice) => slice.Rows <= _capacity && slice.PaddedRows <= _padded && slice.Sequences.Max(s => s.Length) <= _longest;

    /// <summary>qkv [N, (heads + 2 keyHeads)·d], turned -> mixed [N, heads·d], lse [heads, N].</summary>
    public void Forward(FastSlice slice, byte* qkv, byte* mixed, float* lse, int window)
    {
        var sequences = slice.Sequences;
        var blocks = sequences.SelectMany(s => Enumerable.Range(0, s.Blocks).Select(b => (Sequence: s, Block: b))).ToArray();
        Workers.For(blocks.Length * _keyHeads, (_, job) =>
        {
            var (sequence, block) = blocks[job / _keyHeads];
            int head = job % _keyHeads, rows = Math.Min(Block, sequence.Length - block * Block);
            long token = sequence.Start + block * Block;
            byte* key = At(qkv, token, _heads + head), value = At(qkv, token, _heads + _keyHeads + head);
            long to = PanelAt(head, sequence, block);
            _k.PackTransposed(key, _pitch, rows, _size, _keys.Start + to, Block, Block);
            _k.PackRows(value, _pitch, rows, _size, _values.Start + to, Block, _size);
        });
        Workers.For(blocks.Length * _heads, (worker, job) =>
        {
            var (sequence, block) = blocks[job / _heads];
            Rows(slice.Rows, worker, sequence, block, job % _heads, qkv, mixed, lse, window);
        });
    }

    // One head's block of queries against all it sees.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Rows(int n, int worker, FastSlice.Sequence sequence, int block, int head, byte* qkv, byte* mixed, float* lse, int window)
    {
        float* scores = (float*)_scratch[worker].Start, output = scores + Block * Chunk, maxima = output + Block * _size, sums = maxima + Block, shrink = sums + Block;
        byte* p = (byte*)(shrink + 2 * Block);
        int first = block * Block, rows = Math.Min(Block, sequence.Length - first), keyHead = head / (_heads / _keyHeads);
        byte* query = At(qkv, sequence.Start + first, head);
        new Span<float>(maxima, Block).Fill(-Nowhere);
        new Span<float>(sums, Block).Clear();
        int begin = Math.Max(0, first - window + 1) / Block * Block;
        for (int from = begin; from < first + Block; from += Chunk)
        {
            int count = Math.Min(Chunk, first + Block - from), plain = from + count > first ? count - Block : count; // keys before the diagonal
            byte* keys = _keys.Start + PanelAt(keyHead, sequence, from / Block), values = _values.Start + PanelAt(keyHead, sequence, from / Block);
            for (int c = 0; c < plain; c += Block) _k.Multiply(Block, Block, _size, query, _pitch, keys + (long)c * _size * _k.Size, Block, scores + c, Chunk, false);
            if (plain < count)
            {
                byte* last = keys + (long)plain * _size * _k.Size;
                _k.Multiply(Half, Half, _size, query, _pitch, last, Block, scores + plain, Chunk, false);
                _k.Multiply(Half, Block, _size, query + (long)Half * _pitch * _k.Size, _pitch, last, Block, scores + Half * Chunk + plain, Chunk, false);
            }
            _k.Softmax(scores, Chunk, Block, count, _scale, first - from + 1, first - from - window + 1, maxima, sums, shrink, p, Chunk, _cap);
            if (from > begin)
                for (int r = 0; r < Block; r++) _k.Scale(output + r * _size, _size, shrink[r]);
            if (plain > 0) _k.Multiply(Block, _size, plain, p, Chunk, values, _size, output, _size, from > begin);
            if (plain < count)
            {
                byte* last = values + (long)plain * _size * _k.Size, at = p + plain * _k.Size;
                _k.Multiply(Half, _size, Half, at, Chunk, last, _size, output, _size, from > begin || plain > 0);
                _k.Multiply(Half, _size, Block, at + Half * Chunk * _k.Size, Chunk, last, _size, output + Half * _size, _size, from > begin || plain > 0);
            }
        }
        int width = _heads * _size;
        long token = sequence.Start + first;
        _k.Divide(output, _size, rows, _size, sums, mixed + (token * width + head * _size) * _k.Size, width);
        for (int r = 0; r < rows; r++) lse[(long)head * n + token + r] = maxima[r] + MathF.Log2(sums[r]);
    }

    /// <summary>Given d(mixed): d(qkv), still turned.</summary>
    public void Backward(FastSlice slice, byte* qkv, byte* mixed, byte* dmixed, float* lse, byte* dqkv, int window)
    {
        var sequences = slice.Sequences;
        int groups = _heads / _keyHeads, parts = _parts > 1 && !Balanced(sequences) ? groups : 1, each = groups / parts;
        Workers.For(sequences.Count * _keyHeads * parts, (worker, job) =>
        {
            int part = job % parts, keyHead = job / parts % _keyHeads;
            for (int g = part * each; g < (part + 1) * each; g++)
                Head(slice.Rows, worker, sequences[job / parts / _keyHeads], keyHead * groups + g, qkv, mixed, dmixed, lse, dqkv, window, part, g > part * each, parts == 1 && g == groups - 1);
        });
        if (parts > 1) Workers.For(slice.Rows / Block * _keyHeads, (_, job) => Sum(slice.Rows, job / _keyHeads * Block, job % _keyHeads, dqkv));
    }

    // Whether all threads would be done at about the same time if a key head's query heads stayed together.
    private bool Balanced(IReadOnlyList<FastSlice.Sequence> sequences)
    {
        long[] loads = new long[Workers.Count];
        foreach (var sequence in sequences)
            for (int head = 0; head < _keyHeads; head++) loads[loads.IndexOf(loads.Min())] += (long)sequence.Blocks * (sequence.Blocks + 1);
        return loads.Max() * loads.Length * Spare <= loads.Sum() * (Spare + 1);
    }

    // The parts of a block's key and value gradients, added in the order in which one thread would have.
    private void Sum(int n, int token, int keyHead, byte* dqkv)
    {
        foreach (var (sums, head) in ((NativeBlock, int)[])[(_keyGradients, _heads + keyHead), (_valueGradients, _heads + _keyHeads + keyHead)])
        {
            float* sum = PartOf(sums, 0, n, keyHead, token);
            for (int part = 1; part < _parts; part++) _k.Add(PartOf(sums, part, n, keyHead, token), sum, Block * _size);
            _k.Store(sum, _size, Block, _size, At(dqkv, token, head), _pitch, 1);
        }
    }

    private float* PartOf(NativeBlock sums, int part, int n, int keyHead, long token) => (float*)sums.Start + (((long)part * _keyHeads + keyHead) * n + token) * _size;

    // A tile of key or value gradients: added to what query heads before have left, and written or left in turn.
    private void Hand(float* tile, int rows, NativeBlock sums, int part, int n, int keyHead, long token, byte* to, bool add, bool last)
    {
        float* sum = add || !last ? PartOf(sums, part, n, keyHead, token) : null;
        if (add && last) _k.Add(sum, tile, rows * _size);
        if (last) _k.Store(tile, _size, rows, _size, to, _pitch, 1);
        else if (add) _k.Add(tile, sum, rows * _size);
        else Buffer.MemoryCopy(tile, sum, (long)rows * _size * sizeof(float), (long)rows * _size * sizeof(float));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Head(int n, int worker, FastSlice.Sequence sequence, int head, byte* qkv, byte* mixed, byte* dmixed, float* lse, byte* dqkv, int window, int part, bool add, bool finish)
    {
        int size = _k.Size, blocks = sequence.Blocks, padded = blocks * Block, width = _heads * _size, keyHead = head / (_heads / _keyHeads), panel = Block * _size * size, tile = Block * Block;
        float* dq = (float*)_scratch[worker].Start, sums = dq + (long)padded * _size, delta = sums + padded, scores = delta + padded, dp = scores + tile, dk = dp + tile, dv = dk + Block * _size, turned = dv + Block * _size;
        byte* queriesT = (byte*)(turned + Block * _size), queries = queriesT + (long)blocks * panel, aboveT = queries + (long)blocks * panel, above = aboveT + (long)blocks * panel;
        byte* p = above + (long)blocks * panel, ds = p + tile * size, dsPanel = ds + tile * size, keyT = dsPanel + tile * size, scratch = keyT + panel;
        new Span<float>(dq, padded * _size).Clear();
        for (int b = 0; b < blocks; b++)
        {
            int rows = Math.Min(Block, sequence.Length - b * Block);
            long token = sequence.Start + b * Block;
            byte* query = At(qkv, token, head), gradient = dmixed + (token * width + head * _size) * size, output = mixed + (token * width + head * _size) * size;
            _k.PackTransposed(query, _pitch, rows, _size, queriesT + (long)b * panel, Block, Block);
            _k.PackRows(query, _pitch, rows, _size, queries + (long)b * panel, Block, _size);
            _k.PackTransposed(gradient, width, rows, _size, aboveT + (long)b * panel, Block, Block);
            _k.PackRows(gradient, width, rows, _size, above + (long)b * panel, Block, _size);
            _k.Dots(gradient, width, output, width, rows, _size, delta + b * Block);
            new Span<float>(lse + (long)head * n + token, rows).CopyTo(new(sums + b * Block, rows));
            new Span<float>(delta + b * Block + rows, Block - rows).Clear();
            new Span<float>(sums + b * Block + rows, Block - rows).Fill(Nowhere); // rows beyond the end get no probability
        }
        for (int j = 0; j < blocks; j++)
        {
            long token = sequence.Start + j * Block;
            byte* key = At(qkv, token, _heads + keyHead), value = At(qkv, token, _heads + _keyHeads + keyHead);
            _k.Transpose(key, _pitch, Block, _size, keyT, Block, scratch);
            int last = (int)Math.Min(blocks - 1, ((long)j * Block + Block - 2 + window) / Block);
            for (int i = j; i <= last; i++)
            {
                Across(i == j, key, queriesT + (long)i * panel, scores);
                Across(i == j, value, aboveT + (long)i * panel, dp);
                _k.SoftmaxBackward(scores, dp, Block, Block, _scale, (i - j) * Block, window, sums + i * Block, delta + i * Block, p, ds, dsPanel, _cap);
                OverQueries(i == j, p, above + (long)i * panel, dv);
                OverQueries(i == j, ds, queries + (long)i * panel, dk);
                OverKeys(i == j, keyT, size == 2 ? dsPanel : ds, dq + (long)i * Block * _size);
            }
            int seen = Math.Min(Block, sequence.Length - j * Block);
            Hand(dk, seen, _keyGradients, part, n, keyHead, token, At(dqkv, token, _heads + keyHead), add, finish);
            Hand(dv, seen, _valueGradients, part, n, keyHead, token, At(dqkv, token, _heads + _keyHeads + keyHead), add, finish);
        }
        for (int b = 0; b < blocks; b++)
        {
            _k.TransposeSingles(dq + (long)b * Block * _size, Block, _size, Block, turned, _size);
            _k.Store(turned, _size, Math.Min(Block, sequence.Length - b * Block), _size, At(dqkv, sequence.Start + b * Block, head), _pitch, 1);
        }
    }

    // Products of a tile of [keys, queries]; on the diagonal the later half of the keys has nothing to do with the earlier half of the queries.
    private void Across(bool diagonal, byte* keys, byte* queries, float* to)
    {
        _k.Multiply(diagonal ? Half : Block, Block, _size, keys, _pitch, queries, Block, to, Block, false);
        if (diagonal) _k.Multiply(Half, Half, _size, keys + (long)Half * _pitch * _k.Size, _pitch, queries + Half * _k.Pair * _k.Size, Block, to + Half * Block + Half, Block, false);
    }

    // Begins the sum on the diagonal.
    private void OverQueries(bool diagonal, byte* tile, byte* rows, float* sum)
    {
        _k.Multiply(diagonal ? Half : Block, _size, Block, tile, Block, rows, _size, sum, _size, !diagonal);
        if (diagonal) _k.Multiply(Half, _size, Half, tile + (Half * Block + Half) * _k.Size, Block, rows + Half * _size * _k.Size, _size, sum + Half * _size, _size, false);
    }

    private void OverKeys(bool diagonal, byte* keysT, byte* tile, float* sum)
    {
        _k.Multiply(_size, diagonal ? Half : Block, diagonal ? Half : Block, keysT, Block, tile, Block, sum, Block, true);
        if (diagonal) _k.Multiply(_size, Half, Block, keysT, Block, tile + Half * _k.Pair * _k.Size, Block, sum + Half, Block, true);
    }

    // A token's query, key or value heads, counted through.
    private byte* At(byte* qkv, long token, int head)
    {
        int place = _perHead ? head % _heads * 3 + head / _heads : head;
        return qkv + (token * _pitch + (long)place * _size) * _k.Size;
    }

    private long PanelAt(int keyHead, FastSlice.Sequence sequence, int block) => ((long)keyHead * _padded + sequence.Padded + block * Block) * _size * _k.Size;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in (NativeBlock[])[_keys, _values, _keyGradients, _valueGradients, .. _scratch]) block.Dispose();
    }
}
