using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// The output layer and its loss over the rows that have a target, some hundred rows at a time: logits are made, turned into the loss and their own gradient, and used up. Sums over
/// the vocabulary are float32; the final norm's gradient goes with it.
/// </summary>
internal sealed unsafe class FastLoss : IDisposable
{
    private const long LogitBytes = 25 << 20;
    private const int Line = 64; // bytes of the processor's caches

    private readonly Kernels _k;
    private readonly FastWeight _head;
    private readonly FastNorm _norm;
    private readonly float _scale, _cap;
    private readonly int _width, _vocabulary, _filled, _pitch, _chunk, _block;
    private readonly long _logitsAt, _hiddenAt, _normedAt, _factorsAt, _lossesAt;
    private readonly long[] _sumsAt, _panelsAt, _expandedAt;
    private byte* _memory;
    private Workspace _space = null!;

    public FastLoss(CausalLM model, Kernels kernels)
    {
        (_k, _head) = (kernels, FastWeight.Of(model.Head, kernels));
        _norm = FastNorm.Of(model.LastNorm, _k)!;
        (_width, _vocabulary, _scale) = (_head.Columns, _head.RowCount, (float)model.Spec.LogitScale);
        _cap = (float)(model.Spec.LogitSoftCap ?? 0);
        _filled = (_vocabulary + Workspace.Width - 1) / Workspace.Width * Workspace.Width;
        _pitch = (_filled * _k.Size / Line | 1) * (Line / _k.Size); // rows an odd number of lines apart fall on all sets of a cache
        _block = Math.Min(_filled, _head.NeedsExpanding ? 4 * Workspace.Width : Workspace.Depth);
        while (_block > Workspace.Width && _filled < _block * Workers.Count) _block = (_block / 2 + Workspace.Width - 1) / Workspace.Width * Workspace.Width;
        _chunk = Rows(_vocabulary, _k.Size);
        var layout = new Layout();
        long[] Each(long bytes) => [.. Enumerable.Range(0, Workers.Count).Select(_ => layout.Add(bytes))];
        _logitsAt = layout.Add((long)_chunk * _pitch * _k.Size);
        (_hiddenAt, _normedAt) = (layout.Add((long)_chunk * _width * _k.Size), layout.Add((long)_chunk * _width * _k.Size));
        (_factorsAt, _lossesAt) = (layout.Add(_chunk * sizeof(float)), layout.Add(_chunk * sizeof(float)));
        _sumsAt = Each((long)_chunk * _width * sizeof(float));
        _panelsAt = Each((long)_block * Workspace.Width * _k.Size);
        _expandedAt = Each(_head.NeedsExpanding ? (long)_block * _width * _k.Size : 0);
        Bytes = layout.Bytes;
    }

    // Rows whose logits are made at once.
    private static int Rows(int vocabulary, int size) => (int)Math.Clamp(LogitBytes / ((long)vocabulary * size) / Workspace.Width * Workspace.Width, 2 * Workspace.Width, 1024);

    /// <summary>Bytes that it works in.</summary>
    public long Bytes { get; }
    /// <summary>Bytes of the norm's factors.</summary>
    public long Held => _norm.Bytes;

    /// <summary>
    /// The sum of the targets' losses; adds the gradient of weight times it to <paramref name="gradient"/> [N, H], given the last block's output <paramref name="hidden"/> [N, H], in
    /// <paramref name="memory"/> of <see cref="Bytes"/>.
    /// </summary>
    public double Run(FastSlice slice, byte* hidden, byte* gradient, double weight, byte* memory, Workspace space)
    {
        _memory = memory;
        _space = space;
        double sum = 0;
        for (int start = 0; start < slice.Targets.Count; start += _chunk)
            sum += Chunk(slice, start, Math.Min(_chunk, slice.Targets.Count - start), hidden, gradient, (float)weight);
        return sum;
    }

    private byte* Logit(long row, int column) => _memory + _logitsAt + (row * _pitch + column) * _k.Size;
    private byte* Hidden(long row) => _memory + _hiddenAt + row * _width * _k.Size;
    private byte* Normed(long row) => _memory + _normedAt + row * _width * _k.Size;
    private float* Sums(int part, long row) => (float*)(_memory + _sumsAt[part]) + row * _width;
    private byte* Expanded(int worker) => _memory + _expandedAt[worker];

    private double Chunk(FastSlice slice, int start, int count, byte* hidden, byte* gradient, float weight)
    {
        int rows = (count + Workspace.Width - 1) / Workspace.Width * Workspace.Width, bytes = _width * _k.Size;
        long t = StepClock.Start();
        Workers.For(rows, (_, i) =>
        {
            Buffer.MemoryCopy(hidden + (long)slice.Targets[start + Math.Min(i, count - 1)].Row * bytes, Hidden(i), bytes, bytes); // filled up with the last
            _norm.Forward(Hidden(i), Normed(i), 1);
        });
        Logits(rows);
        t = StepClock.Tick("output layer forward", t);
        float* losses = (float*)(_memory + _lossesAt), factors = (float*)(_memory + _factorsAt);
        Workers.For(count, (_, i) => losses[i] = _k.Loss(Logit(i, 0), _vocabulary, slice.Targets[start + i].Target, _scale, out factors[i], _cap));
        t = StepClock.Tick("loss", t);
        Gradient(rows);
        Workers.For(count, (worker, i) =>
        {
            float* total = Sums(0, i);
            for (int part = 1; part < _sumsAt.Length; part++) _k.Add(Sums(part, i), total, _width);
            byte* above = Normed(i);
            _k.Narrow(total, above, _width, factors[i] * weight * _scale);
            _norm.BackwardSum(Hidden(i), above, gradient + (long)slice.Targets[start + i].Row * bytes, null, 1);
        });
        StepClock.Tick("output layer backward", t);
        double sum = 0;
        for (int i = 0; i < count; i++) sum += losses[i];
        return sum;
    }

    private void Logits(int rows) => Workers.For(_filled / Workspace.Width, (worker, job) =>
    {
        int from = job * Workspace.Width, columns = Math.Min(Workspace.Width, _vocabulary - from);
        byte* panel = _space.Panel(worker);
        _k.PackTransposed(_head.Rows(from, columns, Expanded(worker)), _width, columns, _width, panel, Workspace.Width, Workspace.Width);
        float* tile = _space.Tile(worker);
        for (int row = 0; row < rows; row += Workspace.TileRows)
        {
            int many = Math.Min(Workspace.TileRows, rows - row);
            _space.Multiply(many, Workspace.Width, _width, Normed(row), _width, panel, tile, Workspace.Width, false);
            _k.Store(tile, Workspace.Width, many, Workspace.Width, Logit(row, from), _pitch, 1);
        }
    });

    // Each thread sums over its own part of the vocabulary: of a block of it, some columns of the weight at a time meet all rows.
    private void Gradient(int rows)
    {
        int blocks = (_filled + _block - 1) / _block, parts = _sumsAt.Length;
        Workers.For(parts, (worker, part) =>
        {
            byte* panel = _memory + _panelsAt[worker];
            int begin = (int)((long)blocks * part / parts), end = (int)((long)blocks * (part + 1) / parts);
            if (begin == end) new Span<float>(Sums(part, 0), rows * _width).Clear();
            for (int block = begin; block < end; block++)
            {
                int from = block * _block, count = Math.Min(_block, _vocabulary - from), depth = Math.Min(_block, _filled - from);
                byte* weight = _head.Rows(from, count, Expanded(worker));
                for (int column = 0; column < _width; column += Workspace.Width)
                {
                    int columns = Math.Min(Workspace.Width, _width - column);
                    _k.PackRows(weight + (long)column * _k.Size, _width, count, columns, panel, depth, columns);
                    for (int row = 0; row < rows; row += Workspace.TileRows)
                        _k.Multiply(Math.Min(Workspace.TileRows, rows - row), columns, depth, Logit(row, from), _pitch, panel, columns, Sums(part, row) + column, _width, block > begin);
                }
            }
        });
    }

    public void Dispose() => _norm.Dispose();
}
