using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// DoRA's gains of a stack's projections: y = g∘(x·Wᵀ + s·x·Aᵀ·Bᵀ) + b with g = m / ‖W + s·B·A‖ row by row, the norm a constant to the gradient (arXiv 2402.09353, 4.3). The norms come
/// without B·A: ‖Wᵢ + s·Bᵢ·A‖² = ‖Wᵢ‖² + s·Bᵢ·(2·A·Wᵢᵀ + s·(A·Aᵀ)·Bᵢᵀ). The gradient of m needs what a gain multiplies; that is (y - b) / g, so y is all that is kept.
/// </summary>
internal sealed unsafe class FastGains : IDisposable
{
    private readonly FastLinear[] _parts;
    private readonly int[] _outAt, _rankAt;
    private readonly int _in, _out, _rank;
    private readonly Workspace _space;
    private readonly Kernels _k;
    private readonly NativeBlock _gains, _squares, _gram;
    private readonly NativeBlock?[] _gramPanels;
    private bool _hasSquares;

    private FastGains(FastLinear[] parts, int[] outAt, int[] rankAt, int rank, Workspace space)
    {
        (_parts, _outAt, _rankAt, _rank, _space, _k, _in, _out) = (parts, outAt, rankAt, rank, space, space.Kernels, parts[0].In, parts.Sum(p => p.Out));
        (_gains, _squares, _gram) = (new(_out * sizeof(float)), new(_out * sizeof(float)), new((long)_rank * _rank * sizeof(float)));
        _gramPanels = [.. parts.Select(p => p.HasMagnitude ? new NativeBlock(2L * p.Rank * p.Rank * _k.Size) : null)];
        new Span<float>((float*)_gains.Start, _out).Fill(1); // projections without an adapter beside those that have one
    }

    /// <summary>Of a stack whose parts' outputs and ranks begin at these places; null where none of them has a magnitude.</summary>
    public static FastGains? Of(FastLinear[] parts, int[] outAt, int[] rankAt, int rank, Workspace space)
        => parts.Any(p => p.HasMagnitude) ? new(parts, outAt, rankAt, rank, space) : null;

    /// <summary>Bytes of its buffers.</summary>
    public long Held => ((NativeBlock?[])[_gains, _squares, _gram, .. _gramPanels]).Sum(b => b?.Bytes ?? 0);

    /// <summary>Makes the gains from the factors as they are now, and the panel of all A together.</summary>
    public void Measure(byte* aPanel)
    {
        float* gram = (float*)_gram.Start, squares = (float*)_squares.Start, gains = (float*)_gains.Start;
        for (int p = 0; p < _parts.Length; p++)
            for (int r = 0; r < _parts[p].Rank; r += Workspace.Width)
            {
                int count = Math.Min(Workspace.Width, _parts[p].Rank - r);
                _space.Multiply(count, _rank, _in, _parts[p].RowsOfA(r, count, 0, _in, _space.Rows(0)), _in, aPanel, gram + (long)(_rankAt[p] + r) * _rank, _rank, false);
            }
        List<(int Part, int Row)> jobs = [];
        for (int p = 0; p < _parts.Length; p++)
        {
            if (_gramPanels[p] is not { } panel) continue;
            int r = _parts[p].Rank;
            byte* rows = panel.Start + (long)r * r * _k.Size;
            _k.Store(gram + _rankAt[p] * (_rank + 1), _rank, r, r, rows, r, 1);
            _k.PackRows(rows, r, r, r, panel.Start, r, r);
            for (int row = 0; row < _parts[p].Out; row += Workspace.Width) jobs.Add((p, row));
        }
        Workers.For(jobs.Count, (worker, job) =>
        {
            var (p, first) = jobs[job];
            var part = _parts[p];
            int count = Math.Min(Workspace.Width, part.Out - first), r = part.Rank;
            float* cross = _space.Tile(worker), quadratic = cross + Workspace.Width * _rank;
            _k.Multiply(count, r, r, part.RowsOfB(first, count, _space.Rows(worker)), r, _gramPanels[p]!.Start, r, quadratic, r, false);
            byte* w = part.Weight.Rows(first, count, _space.Rows(worker));
            _space.Multiply(count, _rank, _in, w, _in, aPanel, cross, _rank, false);
            for (int i = 0; i < count; i++)
            {
                int row = first + i, at = _outAt[p] + row;
                if (!_hasSquares) squares[at] = _k.Dot(w + (long)i * _in * _k.Size, w + (long)i * _in * _k.Size, _in);
                float sum = squares[at];
                for (int j = 0; j < part.TrueRank; j++)
                    sum += part.Scale * part.B[(long)row * part.TrueRank + j] * (2 * cross[i * _rank + _rankAt[p] + j] + part.Scale * quadratic[i * r + j]);
                gains[at] = sum <= 0 ? 0 : part.Magnitude[row] / MathF.Sqrt(sum); // zeros have no direction
            }
        });
        _hasSquares = true;
    }

    /// <summary>Multiplies a tile of a panel's columns.</summary>
    public void Apply(Panel panel, int rows, float* tile)
    {
        _k.ScaleTile(tile, Workspace.Width, rows, panel.Columns, At(panel.Part, panel.Row));
        if (panel.Second is { } second) _k.ScaleTile(tile + Panel.Half, Workspace.Width, rows, panel.Columns, At(second, panel.SecondRow));
    }

    /// <summary>Adds the magnitudes' gradients, given y and dy [N, out]; where y is gone, <paramref name="products"/> [N / 64, out] has the sums of y·dy over 64 tokens each.</summary>
    public void Gradients(int n, byte* y, byte* dy, float* products)
    {
        var jobs = Enumerable.Range(0, _parts.Length).Where(p => _parts[p].HasMagnitude)
            .SelectMany(p => Enumerable.Range(0, (_parts[p].Out + Workspace.Width - 1) / Workspace.Width).Select(i => (Part: p, From: i * Workspace.Width))).ToArray();
        Workers.For(jobs.Length, (_, job) =>
        {
            var (part, from, at) = (_parts[jobs[job].Part], jobs[job].From, _outAt[jobs[job].Part] + jobs[job].From);
            int count = Math.Min(Workspace.Width, part.Out - from);
            float* sums = stackalloc float[2 * Workspace.Width], plain = sums + Workspace.Width;
            new Span<float>(sums, 2 * Workspace.Width).Clear();
            byte* above = dy + (long)at * _k.Size;
            if (y is not null) _k.AddProducts(y + (long)at * _k.Size, _out, above, _out, n, count, sums);
            else
                for (int block = 0; block < n / Workspace.Width; block++)
                    for (int c = 0; c < count; c++) sums[c] += products[(long)block * _out + at + c];
            float* bias = part.Bias is null ? null : (float*)part.Bias.Start + from;
            if (bias is not null) _k.AddColumns(above, _out, n, count, plain);
            for (int c = 0; c < count; c++)
                if (part.Magnitude[from + c] is not 0 and var magnitude) // at 0 y tells nothing; it is 0 where the row is
                    part.GradientMagnitude[from + c] += (sums[c] - (bias is null ? 0 : bias[c] * plain[c])) / magnitude;
        });
    }

    /// <summary>dz = g∘dy, the gradient of what the gains multiply; dz may be dy.</summary>
    public void Scale(int n, byte* dy, byte* dz) => Workers.For(n / Workspace.Width, (_, job) =>
    {
        long at = (long)job * Workspace.Width * _out * _k.Size;
        _k.ScaleColumns(dy + at, (float*)_gains.Start, dz + at, Workspace.Width, _out);
    });

    private float* At(FastLinear part, int row) => (float*)_gains.Start + _outAt[Array.IndexOf(_parts, part)] + row;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in (NativeBlock?[])[_gains, _squares, _gram, .. _gramPanels]) block?.Dispose();
    }
}
