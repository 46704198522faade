using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class AdapterHost
{
    private MergedWeights? _merged;

    /// <summary>
    /// Folds the active adapters, with their strengths, into the base's weights: summed in float64 and rounded once, to what the weights are then held in.
    /// Until <see cref="Unmerge"/> the adapters themselves are silent. Of a tied embedding and output only the adapted one changes: merging unties them.
    /// </summary>
    /// <param name="into">What the merged weights are held in; null: <see cref="MergeInto.Computed"/>. The report has what that costs.</param>
    /// <exception cref="BadInputException">Already merged, nothing active, a layer that cannot hold its delta, or a result that is no number; nothing was changed then.</exception>
    public MergeReport Merge(MergeInto? into = null)
    {
        RequireStill("merging");
        if (Mixed is not null || _disabled > 0) throw new InvalidOperationException("merging inside a Rows or Disabled scope: dispose it first");
        var active = Active.Where(a => a.Strength != 0).ToList();
        if (Active.Count == 0) throw new BadInputException("no adapter is active, so there is nothing to merge", remedy: "Activate one first.");
        RefuseReplaced();
        RefuseUnmergeable(active);
        using var scope = NewDisposeScope();
        using var normal = inference_mode(false); // what is made in inference mode could never be trained with
        using var _ = no_grad();
        var plan = new MergedWeights();
        var errors = new RoundingErrors();
        try
        {
            foreach (var slot in _slots.Values) PlanSlot(slot, active, into ?? MergeInto.Computed, plan, errors);
        }
        catch { plan.Discard(); throw; }
        plan.Apply();
        _merged = plan;
        return new MergeReport(plan.Count, errors.Largest, errors.Worst, errors.RelativeRms, errors.ShareOfDelta) { HeldIn = plan.HeldIn };
    }

    /// <summary>Puts the base's own weights back, bit for bit; the adapters act again.</summary>
    public void Unmerge()
    {
        RequireNoHold("unmerging");
        if (_merged is null) throw new BadInputException("nothing is merged", remedy: "Merge() first.");
        _merged.Restore();
        _merged = null;
    }

    private static void PlanSlot(Slot slot, List<(Adapter Adapter, double Strength)> active, MergeInto into, MergedWeights plan, RoundingErrors errors)
    {
        var layers = active.SelectMany(a => slot.Of(a.Adapter).Select(l => (Layer: l, a.Strength))).ToList();
        if (layers.Count == 0) return;
        foreach (var (name, read) in OwnParameters(slot))
        {
            using var scope = NewDisposeScope();
            string place = $"{slot.Name}.{name}";
            var blocks = name == "weight" ? LayerKinds.BlocksOf(slot.Module) : null;
            Tensor parameter = read();
            var wide = parameter.device_type == DeviceType.MPS ? ScalarType.Float32 : ScalarType.Float64; // Metal has no float64
            Tensor original = parameter.detach().to_type(wide), merged = original;
            foreach (var (layer, strength) in layers) merged = layer.Merge(name, original, merged, strength);
            if (ReferenceEquals(merged, original)) continue;
            if (!merged.isfinite().all().item<bool>())
                throw new BadInputException("merging gives a weight that is no number", place, remedy: original.isfinite().all().item<bool>()
                    ? "The adapter's values or strength are too large for this base; nothing was changed."
                    : "The base's weight is no number before: the base is damaged, download it again; nothing was changed.");
            bool table = slot.Module is IEmbeddingLayer or ILinearLayer { IsOutputEmbedding: true };
            switch (into.Hold(merged, parameter.dtype, LayerKinds.ComputeDTypeOf(slot.Module) ?? parameter.dtype, blocks, table, place))
            {
                case QuantizedWeight held:
                    plan.Plan(slot.Name, slot.Module, name, held);
                    errors.Add(place, held, merged, original);
                    break;
                case Tensor held:
                    plan.Plan(slot.Name, slot.Module, name, held);
                    errors.Add(place, held, merged, original);
                    break;
            }
        }
    }

    // A module of our own may keep its parameters elsewhere than in torch's registry (a tied head has none there). Each is read when its turn comes: a quantised one is expanded for that.
    private static List<(string Name, Func<TorchSharp.Modules.Parameter> Read)> OwnParameters(Slot slot)
    {
        if (LayerKinds.Of(slot.Name, slot.Module) is not { } layer) return [.. slot.Module.named_parameters(recurse: false).Select(p => (p.name, (Func<TorchSharp.Modules.Parameter>)(() => p.parameter)))];
        List<(string, Func<TorchSharp.Modules.Parameter>)> own = [("weight", () => layer.Weight)];
        if (layer.Bias is not null) own.Add(("bias", () => layer.Bias));
        return own;
    }

    private void RefuseUnmergeable(List<(Adapter Adapter, double Strength)> active)
    {
        List<BadInputException> errors = [];
        foreach (var slot in _slots.Values)
            foreach (var layer in active.SelectMany(a => slot.Of(a.Adapter)))
            {
                if (layer.MergeRefusal is { } reason) errors.Add(new("this layer's adapter cannot be merged: " + reason, slot.Name, remedy: "Use the adapter attached."));
                else if (SharedWith(slot, layer) is { } other) errors.Add(new($"merging would change {other} too, which shares the weight", slot.Name, remedy: "Use the adapter attached, or give the two their own weights."));
            }
        if (errors.Count > 0) throw BadInputException.All("the adapters cannot be merged", errors);
    }

    // torch's own modules can share one Parameter; ours untie themselves when theirs is replaced.
    private string? SharedWith(Slot slot, AdapterLayer layer)
    {
        if (slot.Module is ILinearLayer or IEmbeddingLayer || layer is TrainedTokens || layer.Parameters.Count == 0) return null;
        var handles = slot.Module.named_parameters(recurse: false).Select(p => p.parameter.Handle).ToHashSet();
        return _modules.FirstOrDefault(m => !ReferenceEquals(m.Module, slot.Module) && m.Module.named_parameters(recurse: false).Any(p => handles.Contains(p.parameter.Handle))).Name;
    }
}
