using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What becomes of the products around the feed-forward part's non-linearity.</summary>
internal sealed unsafe partial class FastBlock
{
    private TileSink Gates(Saved s, Shared b) => (panel, row, rows, tile) =>
    {
        AddBias(panel, rows, tile);
        byte* gate = s.GateUp + ((long)row * 2 * _inner + panel.At) * _k.Size;
        _k.Gate(_kind, tile, tile + Panel.Half, Workspace.Width, rows, panel.Columns, gate, gate + (long)_inner * _k.Size, 2 * _inner, b.Act + ((long)row * _inner + panel.At) * _k.Size, _inner);
    };

    private TileSink Activations(Saved s, Shared b) => (panel, row, rows, tile) =>
    {
        AddBias(panel, rows, tile);
        long at = ((long)row * _inner + panel.At) * _k.Size;
        _k.Activate(_kind, tile, Workspace.Width, rows, panel.Columns, s.GateUp + at, _inner, b.Act + at, _inner);
    };

    private TileSink GatesBackward(Saved s, Shared b) => (panel, row, rows, tile) =>
    {
        byte* gate = s.GateUp + ((long)row * 2 * _inner + panel.At) * _k.Size;
        _k.GateBackward(_kind, tile, Workspace.Width, rows, panel.Columns, gate, gate + (long)_inner * _k.Size, 2 * _inner, b.Act + ((long)row * _inner + panel.At) * _k.Size, _inner);
    };

    private TileSink ActivationsBackward(Saved s, Shared b) => (panel, row, rows, tile) =>
    {
        long at = ((long)row * _inner + panel.At) * _k.Size;
        _k.ActivateBackward(_kind, tile, Workspace.Width, rows, panel.Columns, s.GateUp + at, _inner, b.Act + at, _inner);
    };

    // The same where gates and ups have DoRA's gains: what they were is gone afterwards, so the sums of it times its gradient are taken here, of 64 rows at a time.
    private TileSink ScaledBackward(Saved s, Shared b)
    {
        var plain = _gated ? GatesBackward(s, b) : ActivationsBackward(s, b);
        int parts = _gated ? 2 : 1;
        return (panel, row, rows, tile) =>
        {
            byte* kept = stackalloc byte[parts * Workspace.Width * Workspace.Width * _k.Size];
            long bytes = (long)panel.Columns * _k.Size, keptPitch = Workspace.Width * _k.Size, pitch = (long)GateUp.Out * _k.Size;
            for (int from = 0; from < rows; from += Workspace.Width, row += Workspace.Width, tile += Workspace.Width * Workspace.Width)
            {
                byte* values = s.GateUp + row * pitch + (long)panel.At * _k.Size;
                for (int part = 0; part < parts; part++)
                    for (int r = 0; r < Workspace.Width; r++)
                        Buffer.MemoryCopy(values + r * pitch + (long)part * _inner * _k.Size, kept + (part * Workspace.Width + r) * keptPitch, bytes, bytes);
                plain(panel, row, Workspace.Width, tile);
                for (int part = 0; part < parts; part++)
                {
                    float* sums = b.Products + (long)row / Workspace.Width * GateUp.Out + part * _inner + panel.At;
                    new Span<float>(sums, panel.Columns).Clear();
                    _k.AddProducts(kept + part * Workspace.Width * keptPitch, Workspace.Width, values + (long)part * _inner * _k.Size, GateUp.Out, Workspace.Width, panel.Columns, sums);
                }
            }
        };
    }

    private static void AddBias(Panel panel, int rows, float* tile)
    {
        for (int half = 0; half < (panel.Second is null ? 1 : 2); half++)
            if ((half == 0 ? panel.Part : panel.Second!).Bias is { } bias)
                for (int r = 0; r < rows; r++)
                    for (int c = 0; c < panel.Columns; c++) tile[r * Workspace.Width + half * Panel.Half + c] += ((float*)bias.Start)[(half == 0 ? panel.Row : panel.SecondRow) + c];
    }
}
