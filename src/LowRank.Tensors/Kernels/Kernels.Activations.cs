using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>Non-linearities of feed-forward parts, with a gate or without.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
    public override void Gate(GateKind kind, float* gate, float* up, long pitch, int rows, int columns, void* keptGate, void* keptUp, long keptPitch, void* act, long actPitch)
    {
        switch (kind)
        {
            case GateKind.Silu: Gates<SiluActivation>(gate, up, pitch, rows, columns, (TE*)keptGate, (TE*)keptUp, keptPitch, (TE*)act, actPitch); break;
            case GateKind.GeluTanh: Gates<GeluTanhActivation>(gate, up, pitch, rows, columns, (TE*)keptGate, (TE*)keptUp, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Gelu: Gates<GeluActivation>(gate, up, pitch, rows, columns, (TE*)keptGate, (TE*)keptUp, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Relu: Gates<ReluActivation>(gate, up, pitch, rows, columns, (TE*)keptGate, (TE*)keptUp, keptPitch, (TE*)act, actPitch); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gates<TA>(float* gate, float* up, long pitch, int rows, int columns, TE* keptGate, TE* keptUp, long keptPitch, TE* act, long actPitch) where TA : IActivation
    {
        for (int r = 0; r < rows; r++)
        {
            float* g = gate + r * pitch, u = up + r * pitch;
            TE* kg = keptGate + r * keptPitch, ku = keptUp + r * keptPitch, a = act + r * actPitch;
            Fetch(kg, keptPitch, columns, rows - r);
            Fetch(ku, keptPitch, columns, rows - r);
            Fetch(a, actPitch, columns, rows - r);
            GateRow<TA, Lanes1>(g, u, kg, ku, a, GateRow<TA, TL>(g, u, kg, ku, a, 0, columns), columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int GateRow<TA, L>(float* gate, float* up, TE* keptGate, TE* keptUp, TE* act, int i, int n) where TA : IActivation where L : unmanaged, ILanes<L>
    {
        for (; i + L.Count <= n; i += L.Count)
        {
            L g = L.Load(gate + i), u = L.Load(up + i);
            TE.Store(g, keptGate + i);
            TE.Store(u, keptUp + i);
            TE.Store(TA.Of(g) * u, act + i);
        }
        return i;
    }

    public override void GateBackward(GateKind kind, float* dact, long pitch, int rows, int columns, void* gate, void* up, long keptPitch, void* act, long actPitch)
    {
        switch (kind)
        {
            case GateKind.Silu: GatesBackward<SiluActivation>(dact, pitch, rows, columns, (TE*)gate, (TE*)up, keptPitch, (TE*)act, actPitch); break;
            case GateKind.GeluTanh: GatesBackward<GeluTanhActivation>(dact, pitch, rows, columns, (TE*)gate, (TE*)up, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Gelu: GatesBackward<GeluActivation>(dact, pitch, rows, columns, (TE*)gate, (TE*)up, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Relu: GatesBackward<ReluActivation>(dact, pitch, rows, columns, (TE*)gate, (TE*)up, keptPitch, (TE*)act, actPitch); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GatesBackward<TA>(float* dact, long pitch, int rows, int columns, TE* gate, TE* up, long keptPitch, TE* act, long actPitch) where TA : IActivation
    {
        for (int r = 0; r < rows; r++)
        {
            float* d = dact + r * pitch;
            TE* g = gate + r * keptPitch, u = up + r * keptPitch, a = act + r * actPitch;
            Fetch(g, keptPitch, columns, rows - r);
            Fetch(u, keptPitch, columns, rows - r);
            Fetch(a, actPitch, columns, rows - r);
            GateBackRow<TA, Lanes1>(d, g, u, a, GateBackRow<TA, TL>(d, g, u, a, 0, columns), columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int GateBackRow<TA, L>(float* dact, TE* gate, TE* up, TE* act, int i, int n) where TA : IActivation where L : unmanaged, ILanes<L>
    {
        for (; i + L.Count <= n; i += L.Count)
        {
            L u = TE.Load<L>(up + i), d = L.Load(dact + i);
            var value = TA.Of(TE.Load<L>(gate + i), out var slope);
            TE.Store(value * u, act + i);
            TE.Store(d * value, up + i);
            TE.Store(d * u * slope, gate + i);
        }
        return i;
    }

    public override void Activate(GateKind kind, float* x, long pitch, int rows, int columns, void* kept, long keptPitch, void* act, long actPitch)
    {
        switch (kind)
        {
            case GateKind.Silu: Activations<SiluActivation>(x, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            case GateKind.GeluTanh: Activations<GeluTanhActivation>(x, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Gelu: Activations<GeluActivation>(x, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Relu: Activations<ReluActivation>(x, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Activations<TA>(float* x, long pitch, int rows, int columns, TE* kept, long keptPitch, TE* act, long actPitch) where TA : IActivation
    {
        for (int r = 0; r < rows; r++)
        {
            float* from = x + r * pitch;
            TE* k = kept + r * keptPitch, a = act + r * actPitch;
            ActRow<TA, Lanes1>(from, k, a, ActRow<TA, TL>(from, k, a, 0, columns), columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ActRow<TA, L>(float* x, TE* kept, TE* act, int i, int n) where TA : IActivation where L : unmanaged, ILanes<L>
    {
        for (; i + L.Count <= n; i += L.Count)
        {
            var v = L.Load(x + i);
            TE.Store(v, kept + i);
            TE.Store(TA.Of(v), act + i);
        }
        return i;
    }

    public override void ActivateBackward(GateKind kind, float* dact, long pitch, int rows, int columns, void* kept, long keptPitch, void* act, long actPitch)
    {
        switch (kind)
        {
            case GateKind.Silu: ActivationsBackward<SiluActivation>(dact, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            case GateKind.GeluTanh: ActivationsBackward<GeluTanhActivation>(dact, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Gelu: ActivationsBackward<GeluActivation>(dact, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            case GateKind.Relu: ActivationsBackward<ReluActivation>(dact, pitch, rows, columns, (TE*)kept, keptPitch, (TE*)act, actPitch); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ActivationsBackward<TA>(float* dact, long pitch, int rows, int columns, TE* kept, long keptPitch, TE* act, long actPitch) where TA : IActivation
    {
        for (int r = 0; r < rows; r++)
        {
            float* d = dact + r * pitch;
            TE* k = kept + r * keptPitch, a = act + r * actPitch;
            ActBackRow<TA, Lanes1>(d, k, a, ActBackRow<TA, TL>(d, k, a, 0, columns), columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ActBackRow<TA, L>(float* dact, TE* kept, TE* act, int i, int n) where TA : IActivation where L : unmanaged, ILanes<L>
    {
        for (; i + L.Count <= n; i += L.Count)
        {
            TE.Store(TA.Of(TE.Load<L>(kept + i), out var slope), act + i);
            TE.Store(L.Load(dact + i) * slope, kept + i);
        }
        return i;
    }
}
