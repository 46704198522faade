using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Receives a finished tile [rows, 64] of a product: <paramref name="row"/> is its first row.</summary>
internal unsafe delegate void TileSink(Panel panel, int row, int rows, float* tile);

/// <summary>Columns of a product that are computed together: of one projection, or 32 of a gate beside 32 of its up.</summary>
/// <param name="Part">The projection.</param>
/// <param name="Row">The first row of its weight.</param>
/// <param name="Columns">Columns.</param>
/// <param name="At">The first column in the stack's output.</param>
/// <param name="Second">The up projection of a pair, whose columns begin at 32 in the tile; null: none.</param>
/// <param name="SecondRow">The first row of its weight.</param>
internal sealed record Panel(FastLinear Part, int Row, int Columns, int At, FastLinear? Second = null, int SecondRow = 0)
{
    /// <summary>Where a pair's second half begins in a tile.</summary>
    public const int Half = Workspace.Width / 2;
}

/// <summary>
/// Projections that read the same input: one product forward, one backward, one over the stacked A of their adapters. Shapes: x [N, In], y [N, Out], the low-rank middle
/// [N, Rank] and its transpose [Rank, N]; N is a multiple of 64.
/// </summary>
internal sealed unsafe partial class FastStack : IDisposable
{
    private readonly FastLinear[] _parts;
    private readonly Workspace _space;
    private readonly Kernels _k;
    private readonly int[] _outAt, _rankAt;
    private readonly Panel[] _panels, _columns;
    private readonly (int Part, int From, int Count)[] _gradients; // the jobs of Gradients; part -1 is all A together
    private readonly NativeBlock? _aPanel;
    private readonly NativeBlock?[] _bPanels;
    private readonly FastGains? _gains;

    /// <summary>Stacks projections; <paramref name="gated"/>: two halves of the output are a gate and its up.</summary>
    public FastStack(IReadOnlyList<FastLinear> parts, bool gated, Workspace space)
    {
        (_parts, _space, _k) = ([.. parts], space, space.Kernels);
        (_outAt, _rankAt) = (new int[parts.Count], new int[parts.Count]);
        for (int p = 0; p < parts.Count; p++)
        {
            (_outAt[p], _rankAt[p]) = (Out, Rank);
            Out += parts[p].Out;
            Rank += parts[p].Rank;
        }
        IsAdapted = Rank > 0;
        IsTrained = parts.Any(p => p.IsTrained);
        Rank = (Rank + 15) / 16 * 16;
        _panels = [.. gated ? Pairs() : Enumerable.Range(0, parts.Count).SelectMany(p => Columns(parts[p].Out).Select(c => new Panel(parts[p], c.From, c.Count, _outAt[p] + c.From)))];
        _gradients = [.. IsAdapted ? Columns(In, Workspace.Wide).Select(c => (-1, c.From, c.Count)) : [], .. Enumerable.Range(0, parts.Count).Where(p => parts[p].Rank > 0).SelectMany(p => Columns(parts[p].Out, Workspace.Wide).Select(c => (p, c.From, c.Count)))];
        _columns = [.. Columns(In).Select(c => new Panel(parts[0], 0, c.Count, c.From))];
        _aPanel = IsAdapted ? new NativeBlock((long)Rank * In * _k.Size) : null;
        _gains = FastGains.Of(_parts, _outAt, _rankAt, Rank, space);
        _bPanels = [.. parts.Select(p => p.Rank > 0 ? new NativeBlock((long)p.Rank * p.Out * _k.Size) : null)];
    }

    /// <summary>Width of the input.</summary>
    public int In => _parts[0].In;
    /// <summary>Width of all outputs.</summary>
    public int Out { get; }
    /// <summary>Ranks together, rounded up to a multiple of 16.</summary>
    public int Rank { get; }
    /// <summary>Whether any has an adapter.</summary>
    public bool IsAdapted { get; }
    /// <summary>Whether any has DoRA's gains.</summary>
    public bool HasGains => _gains is not null;
    /// <summary>Whether anything of it is trained.</summary>
    public bool IsTrained { get; }

    /// <summary>Bytes of the factors' copies and biases.</summary>
    public long Held => ((NativeBlock?[])[_aPanel, .. _bPanels, .. _parts.Select(p => p.Bias)]).Sum(b => b?.Bytes ?? 0) + (_gains?.Held ?? 0);
    /// <summary>Bytes of the largest product's panels.</summary>
    public long PackedBytes => Math.Max(_panels.Length * PanelBytes(In), _columns.Length * PanelBytes(Out));
    /// <summary>Bytes of its weights once expanded; where none has to be, 0.</summary>
    public long ExpandedBytes => _parts.Any(p => p.Weight.NeedsExpanding) ? (long)Out * In * _k.Size : 0;

    /// <summary>Looks up where the factors and their gradients lie; on the torch thread.</summary>
    public void Look()
    {
        foreach (var part in _parts) part.Begin();
    }

    /// <summary>Packs the factors as they are now; on thread <paramref name="worker"/>.</summary>
    public void Begin(int worker)
    {
        byte* rows = _space.Rows(worker);
        for (int p = 0; p < _parts.Length; p++)
        {
            var part = _parts[p];
            for (int r = 0; r < part.Rank; r += Workspace.Width)
            {
                int count = Math.Min(Workspace.Width, part.Rank - r);
                _k.PackTransposed(part.RowsOfA(r, count, 0, In, rows), In, count, In, _aPanel!.Start + (long)(_rankAt[p] + r) * sizeof(uint), count, Rank);
            }
            for (int o = 0; part.Rank > 0 && o < part.Out; o += Workspace.Width)
            {
                int count = Math.Min(Workspace.Width, part.Out - o);
                _k.PackRows(part.RowsOfB(o, count, rows), part.Rank, count, part.Rank, _bPanels[p]!.Start + (long)o * part.Rank * _k.Size, count, part.Rank);
            }
        }
    }

    /// <summary>Makes DoRA's gains, where it has any, from the factors.</summary>
    public void Measure() => _gains?.Measure(_aPanel!.Start);

    /// <summary>y = g∘(x·Wᵀ + low·Bᵀ), tile by tile, without biases.</summary>
    public void Forward(int n, byte* x, byte* low, TileSink sink)
    {
        long stride = PanelBytes(In);
        byte* packed = _space.Packed(_panels.Length * stride);
        Workers.For(_panels.Length, (worker, p) => PackForward(_panels[p], packed + p * stride, worker));
        Tiles(n, In, x, packed, stride, _panels, sink, (panel, row, rows, right, tile) =>
        {
            byte* rightLow = right + (long)In * Workspace.Width * _k.Size, middle = low + (long)row * Rank * _k.Size;
            int width = panel.Second is null ? Workspace.Width : Panel.Half;
            if (panel.Part.Rank > 0) _k.Multiply(rows, width, panel.Part.Rank, middle + RankAt(panel.Part) * _k.Size, Rank, rightLow, width, tile, Workspace.Width, true);
            if (panel.Second is { Rank: > 0 } up)
                _k.Multiply(rows, width, up.Rank, middle + RankAt(up) * _k.Size, Rank, rightLow + (long)panel.Part.Rank * width * _k.Size, width, tile + Panel.Half, Workspace.Width, true);
            _gains?.Apply(panel, rows, tile);
        });
    }

    /// <summary>dx = dy·W + e·A, tile by tile.</summary>
    public void Backward(int n, byte* dy, byte* e, TileSink sink)
    {
        var weights = Expand();
        long stride = PanelBytes(Out);
        byte* packed = _space.Packed(_columns.Length * stride);
        Workers.For(_columns.Length, (worker, p) =>
        {
            var panel = _columns[p];
            byte* right = packed + p * stride;
            for (int part = 0; part < _parts.Length; part++)
                _k.PackRows((byte*)weights[part] + (long)panel.At * _k.Size, In, _parts[part].Out, panel.Columns, right + (long)_outAt[part] * Workspace.Width * _k.Size, _parts[part].Out, Workspace.Width);
            if (!IsAdapted) return;
            byte* low = right + (long)Out * Workspace.Width * _k.Size;
            for (int part = 0; part < _parts.Length; part++)
                for (int r = 0; r < _parts[part].Rank; r += Workspace.Width)
                {
                    int count = Math.Min(Workspace.Width, _parts[part].Rank - r);
                    _k.PackRows(_parts[part].RowsOfA(r, count, panel.At, panel.Columns, _space.Rows(worker)), panel.Columns, count, panel.Columns, low, count, Workspace.Width);
                    low += (long)count * Workspace.Width * _k.Size;
                }
            new Span<byte>(low, (int)(right + (long)(Out + Rank) * Workspace.Width * _k.Size - low)).Clear(); // the ranks' rounding up
        });
        Tiles(n, Out, dy, packed, stride, _columns, sink, (panel, row, rows, right, tile) =>
        {
            if (IsAdapted) _k.Multiply(rows, Workspace.Width, Rank, e + (long)row * Rank * _k.Size, Rank, right + (long)Out * Workspace.Width * _k.Size, Workspace.Width, tile, Workspace.Width, true);
        });
    }

    // All tiles of left [n, depth] times the panels: rows of the left side that fit the second-level cache meet all panels before the next rows come.
    private void Tiles(int n, int depth, byte* left, byte* packed, long stride, Panel[] panels, TileSink sink, LowProduct low)
    {
        int tileRows = Workspace.RowsOf((long)depth * _k.Size);
        Workers.For((n + tileRows - 1) / tileRows * panels.Length, (worker, job) =>
        {
            int row = job / panels.Length * tileRows, rows = Math.Min(tileRows, n - row), p = job % panels.Length;
            float* tile = _space.Tile(worker);
            byte* right = packed + p * stride;
            _space.Multiply(rows, Workspace.Width, depth, left + (long)row * depth * _k.Size, depth, right, tile, Workspace.Width, false);
            low(panels[p], row, rows, right, tile);
            sink(panels[p], row, rows, tile);
        });
    }

    private delegate void LowProduct(Panel panel, int row, int rows, byte* right, float* tile);

    private long PanelBytes(int depth) => ((long)(depth + 2 * Rank) * Workspace.Width * _k.Size + 63) / 64 * 64;

    private int RankAt(FastLinear part) => _rankAt[Array.IndexOf(_parts, part)];

    private void PackForward(Panel panel, byte* right, int worker)
    {
        byte* low = right + (long)In * Workspace.Width * _k.Size;
        void Half(FastLinear part, int row, int columns, byte* to, int lowWidth)
        {
            _k.PackTransposed(part.Weight.Rows(row, panel.Columns, _space.Rows(worker)), In, panel.Columns, In, to, columns, Workspace.Width);
            if (part.Rank == 0) return;
            _k.PackTransposed(part.RowsOfB(row, panel.Columns, _space.Rows(worker)), part.Rank, panel.Columns, part.Rank, low, lowWidth, lowWidth);
            low += (long)part.Rank * lowWidth * _k.Size;
        }
        int first = panel.Second is null ? Workspace.Width : Panel.Half;
        Half(panel.Part, panel.Row, first, right, first);
        if (panel.Second is not null) Half(panel.Second, panel.SecondRow, Panel.Half, right + Panel.Half * sizeof(uint), Panel.Half); // a column of a panel is a word wide
    }

    private nint[] Expand()
    {
        nint[] weights = new nint[_parts.Length];
        byte* next = _parts.Any(p => p.Weight.NeedsExpanding) ? _space.Expanded((long)Out * In * _k.Size) : null;
        for (int p = 0; p < _parts.Length; p++)
        {
            var weight = _parts[p].Weight;
            if (!weight.NeedsExpanding) { weights[p] = (nint)weight.Rows(0, weight.RowCount, null); continue; }
            byte* to = next + (long)_outAt[p] * In * _k.Size;
            weights[p] = (nint)to;
            Workers.For((weight.RowCount + Workspace.Width - 1) / Workspace.Width, (_, job) =>
            {
                int row = job * Workspace.Width;
                weight.Rows(row, Math.Min(Workspace.Width, weight.RowCount - row), to + (long)row * In * _k.Size);
            });
        }
        return weights;
    }

    private IEnumerable<Panel> Pairs()
    {
        int inner = Out / 2;
        var (gate, up) = (_parts[0], _parts[^1]);
        for (int from = 0; from < inner; from += Panel.Half)
            yield return new(gate, from, Math.Min(Panel.Half, inner - from), from, up, ReferenceEquals(gate, up) ? inner + from : from);
    }

    private static IEnumerable<(int From, int Count)> Columns(int width, int step = Workspace.Width)
    {
        for (int from = 0; from < width; from += step) yield return (from, Math.Min(step, width - from));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gains?.Dispose();
        foreach (var block in (NativeBlock?[])[_aPanel, .. _bPanels, .. _parts.Select(p => p.Bias)]) block?.Dispose();
    }
}
