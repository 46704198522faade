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
    private const int VocabularyBlock = 256;

    private readonly Workspace _space;
    private readonly Kernels _k;
    private readonly FastWeight _head;
    private readonly FastNorm _norm;
    private readonly NativeBlock _logits, _hidden, _normed, _factors, _losses;
    private readonly NativeBlock[] _sums, _panels, _expanded;
    private readonly float _scale, _cap;
    private readonly int _width, _vocabulary, _pitch, _chunk;

    public FastLoss(CausalLM model, Workspace space)
    {
        (_space, _k, _head) = (space, space.Kernels, FastWeight.Of(model.Head, space.Kernels));
        _norm = FastNorm.Of(model.LastNorm, _k)!;
        (_width, _vocabulary, _scale) = (_head.Columns, _head.RowCount, (float)model.Spec.LogitScale);
        _cap = (float)(model.Spec.LogitSoftCap ?? 0);
        _pitch = (_vocabulary + Workspace.Width - 1) / Workspace.Width * Workspace.Width;
        _chunk = Rows(_vocabulary, _k.Size);
        _logits = new NativeBlock((long)_chunk * _pitch * _k.Size);
        (_hidden, _normed) = (new((long)_chunk * _width * _k.Size), new((long)_chunk * _width * _k.Size));
        (_factors, _losses) = (new(_chunk * sizeof(float)), new(_chunk * sizeof(float)));
        NativeBlock[] Each(long bytes) => [.. Enumerable.Range(0, Workers.Count).Select(_ => new NativeBlock(bytes))];
        _sums = Each((long)_chunk * _width * sizeof(float));
        _panels = Each((long)VocabularyBlock * _width * _k.Size);
        _expanded = Each(_head.NeedsExpanding ? (long)VocabularyBlock * _width * sizeof(float) : 0);
    }

    // Rows whose logits are made at once.
    private static int Rows(int vocabulary, int size) => (int)Math.Clamp(LogitBytes / ((long)vocabulary * size) / Workspace.Width * Workspace.Width, 2 * Workspace.Width, 1024);

    /// <summary>Bytes that its buffers take.</summary>
    public long Held => _norm.Bytes + _logits.Bytes + _hidden.Bytes + _normed.Bytes + _factors.Bytes + _losses.Bytes + _sums.Concat(_panels).Concat(_expanded).Sum(b => b.Bytes);

    /// <summary>The sum of the targets' losses; adds the gradient of weight times it to <paramref name="gradient"/> [N, H], given the last block's output <paramref name="hidden"/> [N, H].</summary>
    public double Run(FastSlice slice, byte* hidden, byte* gradient, double weight)
    {
        double sum = 0;
        for (int start = 0; start < slice.Targets.Count; start += _chunk)
            sum += Chunk(slice, start, Math.Min(_chunk, slice.Targets.Count - start), hidden, gradient, (float)weight);
        return sum;
    }

    private double Chunk(FastSlice slice, int start, int count, byte* hidden, byte* gradient, float weight)
    {
        int rows = (count + Workspace.Width - 1) / Workspace.Width * Workspace.Width, bytes = _width * _k.Size;
        long t = StepClock.Start();
        Workers.For(rows, (_, i) =>
        {
            byte* row = _hidden.Start + (long)i * bytes;
            Buffer.MemoryCopy(hidden + (long)slice.Targets[start + Math.Min(i, count - 1)].Row * bytes, row, bytes, bytes); // filled up with the last
            _norm.Forward(row, _normed.Start + (long)i * bytes, 1);
        });
        Logits(rows);
        t = StepClock.Tick("output layer forward", t);
        float* losses = (float*)_losses.Start, factors = (float*)_factors.Start;
        Workers.For(count, (_, i) => losses[i] = _k.Loss(_logits.Start + (long)i * _pitch * _k.Size, _vocabulary, slice.Targets[start + i].Target, _scale, out factors[i], _cap));
        t = StepClock.Tick("loss", t);
        Gradient(rows);
        Workers.For(count, (worker, i) =>
        {
            float* total = (float*)_sums[0].Start + (long)i * _width;
            for (int part = 1; part < _sums.Length; part++) _k.Add((float*)_sums[part].Start + (long)i * _width, total, _width);
            byte* above = _normed.Start + (long)i * bytes;
            _k.Narrow(total, above, _width, factors[i] * weight * _scale);
            _norm.BackwardSum(_hidden.Start + (long)i * bytes, above, gradient + (long)slice.Targets[start + i].Row * bytes, null, 1);
        });
        StepClock.Tick("output layer backward", t);
        double sum = 0;
        for (int i = 0; i < count; i++) sum += losses[i];
        return sum;
    }

    private void Logits(int rows) => Workers.For(_pitch / Workspace.Width, (worker, job) =>
    {
        int from = job * Workspace.Width, columns = Math.Min(Workspace.Width, _vocabulary - from);
        byte* panel = _space.Panel(worker);
        _k.PackTransposed(_head.Rows(from, columns, _expanded[worker].Start), _width, columns, _width, panel, Workspace.Width, Workspace.Width);
        float* tile = _space.Tile(worker);
        for (int row = 0; row < rows; row += Workspace.TileRows)
        {
            int many = Math.Min(Workspace.TileRows, rows - row);
            _space.Multiply(many, Workspace.Width, _width, _normed.Start + (long)row * _width * _k.Size, _width, panel, tile, Workspace.Width, false);
            _k.Store(tile, Workspace.Width, many, Workspace.Width, _logits.Start + ((long)row * _pitch + from) * _k.Size, _pitch, 1);
        }
    });

    // Each thread sums over its own part of the vocabulary, so that a panel of the weight is read once for all rows.
    private void Gradient(int rows)
    {
        int blocks = (_vocabulary + VocabularyBlock - 1) / VocabularyBlock, parts = _sums.Length;
        Workers.For(parts, (worker, part) =>
        {
            float* sums = (float*)_sums[part].Start;
            byte* panel = _panels[worker].Start;
            int begin = (int)((long)blocks * part / parts), end = (int)((long)blocks * (part + 1) / parts);
            if (begin == end) new Span<float>(sums, rows * _width).Clear();
            for (int block = begin; block < end; block++)
            {
                int from = block * VocabularyBlock, count = Math.Min(VocabularyBlock, _vocabulary - from), depth = Math.Min(VocabularyBlock, _pitch - from);
                _k.PackRows(_head.Rows(from, count, _expanded[worker].Start), _width, count, _width, panel, depth, _width);
                for (int row = 0; row < rows; row += Workspace.Width)
                    _k.Multiply(Workspace.Width, _width, depth, _logits.Start + ((long)row * _pitch + from) * _k.Size, _pitch, panel, _width, sums + (long)row * _width, _width, block > begin);
            }
        });
    }

    public void Dispose()
    {
        _norm.Dispose();
        foreach (var block in (NativeBlock[])[_logits, _hidden, _normed, _factors, _losses, .. _sums, .. _panels, .. _expanded]) block.Dispose();
    }
}
