using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Each token goes to a few experts, and their outputs are summed by the router's probabilities: [B, T, H] -> [B, T, H].</summary>
public sealed class MixtureOfExperts : nn.Module<Tensor, Tensor>
{
    private readonly ExpertsSpec _spec;
    private readonly Projection _router;
    private readonly FeedForward[] _experts;

    internal MixtureOfExperts(string name, Parts parts) : base(name)
    {
        _spec = parts.Spec.Experts!;
        var names = parts.Spec.Names;
        register_module(names.Router, _router = parts.Linear(names.Router, parts.Spec.HiddenSize, _spec.Count, bias: false));
        var list = new ModuleGroup(names.Experts);
        register_module(names.Experts, list);
        _experts = new FeedForward[_spec.Count];
        for (int i = 0; i < _spec.Count; i++)
            list.register_module($"{i}", _experts[i] = new FeedForward($"{i}", parts.Under(names.Experts).Under($"{i}"), _spec.Expert));
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        var tokens = x.reshape(-1, x.size(-1));
        var (weights, chosen) = nn.functional.softmax(_router.call(tokens), -1, ScalarType.Float32).topk(_spec.PerToken, -1);
        if (_spec.Renormalise) weights = weights.div(weights.sum(-1, true));
        weights = weights.to(x.dtype).reshape(-1);

        List<Tensor> outputs = [], rows = [];
        foreach (var (expert, places) in Assign(chosen))
        {
            // a place is token·PerToken + rank: where its weight stands
            Tensor place = tensor(places, device: x.device), row = tensor([.. places.Select(p => p / _spec.PerToken)], device: x.device);
            outputs.Add(_experts[expert].call(tokens.index_select(0, row)).mul(weights.index_select(0, place).unsqueeze(1)));
            rows.Add(row);
        }
        return zeros_like(tokens).index_add(0, cat(rows, 0), cat(outputs, 0), LowRank.Tensors.Scalars.One).view(x.shape);
    }

    private IEnumerable<(int Expert, long[] Places)> Assign(Tensor chosen)
    {
        long[] ids = chosen.cpu().contiguous().data<long>().ToArray();
        return ids.Select((e, place) => (Expert: (int)e, Place: (long)place)).GroupBy(x => x.Expert, x => x.Place)
            .OrderBy(g => g.Key).Select(g => (g.Key, g.ToArray()));
    }
}
