using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The thin products of the adapters, and their gradients.</summary>
internal sealed unsafe partial class FastStack
{
    /// <summary>low = s·x·Aᵀ, and its transpose. <paramref name="before"/>(row, rows) makes those rows of x first.</summary>
    public void Lows(int n, byte* x, byte* low, byte* lowT, Action<int, int>? before)
    {
        if (!IsAdapted && before is null) return;
        Workers.For(n / Workspace.Width, (worker, job) =>
        {
            int row = job * Workspace.Width;
            before?.Invoke(row, Workspace.Width);
            if (!IsAdapted) return;
            float* tile = _space.Tile(worker);
            _space.Multiply(Workspace.Width, Rank, In, x + (long)row * In * _k.Size, In, _aPanel!.Start, tile, Rank, false);
            StoreLow(worker, tile, row, n, low, lowT);
        });
    }

    /// <summary>e = s·dy·B for each projection, and its transpose: the gradient of x·Aᵀ.</summary>
    public void Above(int n, byte* dy, byte* e, byte* eT)
    {
        if (!IsAdapted) return;
        Workers.For(n / Workspace.Width, (worker, job) =>
        {
            int row = job * Workspace.Width;
            float* tile = _space.Tile(worker);
            new Span<float>(tile, Workspace.Width * Rank).Clear();
            for (int p = 0; p < _parts.Length; p++)
                if (_parts[p].Rank > 0)
                    _space.Multiply(Workspace.Width, _parts[p].Rank, _parts[p].Out, dy + ((long)row * Out + _outAt[p]) * _k.Size, Out, _bPanels[p]!.Start, tile + _rankAt[p], Rank, false);
            StoreLow(worker, tile, row, n, e, eT);
        });
    }

    private void StoreLow(int worker, float* tile, int row, int n, byte* low, byte* lowT)
    {
        byte* to = low + (long)row * Rank * _k.Size;
        for (int p = 0; p < _parts.Length; p++)
            if (_parts[p].Rank > 0) _k.Store(tile + _rankAt[p], Rank, Workspace.Width, _parts[p].Rank, to + _rankAt[p] * _k.Size, Rank, _parts[p].Scale);
        _k.Transpose(to, Rank, Workspace.Width, Rank, lowT + (long)row * _k.Size, n, _space.Rows(worker));
    }

    /// <summary>
    /// Adds the gradients of trained biases (the sums of dy's columns over the tokens in their order) and magnitudes, given y and dy [N, Out], or without y
    /// <paramref name="products"/>; returns dz = g∘dy, which the other passes take for dy: written to <paramref name="dz"/>, or dy itself where there are no gains.
    /// </summary>
    public byte* Open(int n, byte* y, byte* dy, byte* dz, float* products = null)
    {
        for (int p = 0; p < _parts.Length; p++)
            if (_parts[p].GradientBias is not null) Bias(p, n, dy);
        if (_gains is null) return dy;
        _gains.Gradients(n, y, dy, products);
        _gains.Scale(n, dy, dz);
        return dz;
    }

    private void Bias(int p, int n, byte* dy)
        => Workers.For((_parts[p].Out + Workspace.Width - 1) / Workspace.Width, (_, job) =>
        {
            int from = job * Workspace.Width;
            _k.AddColumns(dy + (long)(_outAt[p] + from) * _k.Size, Out, n, Math.Min(Workspace.Width, _parts[p].Out - from), _parts[p].GradientBias + from);
        });

    /// <summary>Adds dA = eᵀ·x and dB = dyᵀ·low.</summary>
    public void Gradients(int n, byte* x, byte* dy, byte* lowT, byte* eT)
    {
        Workers.For(_gradients.Length, (worker, job) =>
        {
            var (part, from, count) = _gradients[job];
            float* sums = _space.Tile(worker);
            if (part < 0)
            {
                OverTokens(worker, n, eT, Rank, x + (long)from * _k.Size, In, count, sums);
                for (int p = 0; p < _parts.Length; p++)
                    for (int r = 0; r < _parts[p].TrueRank; r++) _k.Add(sums + (_rankAt[p] + r) * Workspace.Wide, _parts[p].GradientA + (long)r * In + from, count);
                return;
            }
            int rank = _parts[part].TrueRank;
            OverTokens(worker, n, lowT + (long)_rankAt[part] * n * _k.Size, _parts[part].Rank, dy + (long)(_outAt[part] + from) * _k.Size, Out, count, sums);
            float* turned = (float*)_space.Panel(worker);
            _k.TransposeSingles(sums, Workspace.Wide, rank, count, turned, rank);
            _k.Add(turned, _parts[part].GradientB + (long)from * rank, count * rank);
        });
    }

    // sums [m, 128] = left [m, n]·y [n, count]
    private void OverTokens(int worker, int n, byte* left, int m, byte* y, int pitch, int count, float* sums)
    {
        byte* panel = _space.Panel(worker);
        for (int t = 0; t < n; t += Workspace.TileRows)
        {
            int rows = Math.Min(Workspace.TileRows, n - t);
            _k.PackRows(y + (long)t * pitch * _k.Size, pitch, rows, count, panel, rows, Workspace.Wide);
            _k.Multiply(m, Workspace.Wide, rows, left + (long)t * _k.Size, n, panel, Workspace.Wide, sums, Workspace.Wide, t > 0);
        }
    }
}
