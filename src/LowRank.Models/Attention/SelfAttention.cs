using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Causal attention with grouped heads: hidden [B, T, H] -> [B, T, H].</summary>
public sealed class SelfAttention : nn.Module<Tensor, BlockInput, Tensor>
{
    private readonly AttentionSpec _spec;
    private readonly LayerSpec _layer;
    private readonly int _index;
    private readonly Projection? _query, _key, _value, _qkv;
    private readonly Projection _output;
    private readonly StoredModule? _queryNorm, _keyNorm;

    internal SelfAttention(string name, Parts parts, int index) : base(name)
    {
        (_spec, _layer, _index) = (parts.Spec.Attention, parts.Spec.Layers[index], index);
        var names = parts.Spec.Names;
        long hidden = parts.Spec.HiddenSize, queries = (long)_spec.Heads * _spec.HeadSize, keys = (long)_spec.KeyHeads * _spec.HeadSize;
        if (_spec.Layout == QkvLayout.Separate)
        {
            _query = Add(names.Query, parts.Linear(names.Query, hidden, queries, _spec.QkvBias));
            _key = Add(names.Key, parts.Linear(names.Key, hidden, keys, _spec.QkvBias));
            _value = Add(names.Value, parts.Linear(names.Value, hidden, keys, _spec.QkvBias));
        }
        else _qkv = Add(names.Qkv, parts.Linear(names.Qkv, hidden, queries + 2 * keys, _spec.QkvBias));
        _output = Add(names.Output, parts.Linear(names.Output, queries, hidden, _spec.OutputBias));
        if (_spec.QkNorm == QkNorm.None) return;
        bool perHead = _spec.QkNorm == QkNorm.PerHead;
        _queryNorm = Add(names.QueryNorm, parts.Norm(names.QueryNorm, perHead ? _spec.HeadSize : queries));
        _keyNorm = Add(names.KeyNorm, parts.Norm(names.KeyNorm, perHead ? _spec.HeadSize : keys));
    }

    internal (IReadOnlyList<Projection> Qkv, StoredModule? QueryNorm, StoredModule? KeyNorm, Projection Output, LayerSpec Layer) Parts
        => (_qkv is null ? [_query!, _key!, _value!] : [_qkv], _queryNorm, _keyNorm, _output, _layer);

    /// <inheritdoc/>
    public override Tensor forward(Tensor hidden, BlockInput input)
    {
        long batch = hidden.size(0), count = hidden.size(1);
        var (q, k, v) = Project(hidden, batch, count);
        if (_layer.Rope is { } rope) (q, k) = (input.Ropes[rope].Rotate(q), input.Ropes[rope].Rotate(k));
        var mixed = input.Runs is [var all] ? Mix(q, k, v, all, input) : MixEach(q, k, v, input);
        return _output.call(mixed.view(batch, count, (long)_spec.Heads * _spec.HeadSize));
    }

    // One split and one concatenation: a narrow per run would cost the backward pass a zero tensor of all tokens each.
    private Tensor MixEach(Tensor q, Tensor k, Tensor v, BlockInput input)
    {
        long[] sizes = [.. input.Runs.Select(r => r.Tokens)];
        Tensor[] queries = q.split(sizes, 1), keys = k.split(sizes, 1), values = v.split(sizes, 1);
        return cat([.. input.Runs.Select((run, i) => Mix(queries[i], keys[i], values[i], run, input))], 0);
    }

    // A run's tokens [.., heads, d] -> [its tokens, heads·d], each sequence by itself.
    private Tensor Mix(Tensor q, Tensor k, Tensor v, SequenceRun run, BlockInput input)
    {
        Tensor Sequences(Tensor x) => x.view(run.Count, run.Length, x.size(-2), _spec.HeadSize).transpose(1, 2);
        (q, k, v) = (Sequences(q), Sequences(k), Sequences(v));
        if (input.Cache is { } cache) (k, v) = cache.Append(_index, k, v);
        var mask = input.Mask(_layer.Window, run);
        var mixed = _spec.SoftCap is { } cap
            ? Eager(q, k, v, mask.Additive, cap)
            : Ops.Attention(q, k, v, mask.Additive, mask.Causal, _spec.Scale);
        return mixed.transpose(1, 2).reshape(run.Tokens, (long)_spec.Heads * _spec.HeadSize);
    }

    // [B, T, heads, d] each
    private (Tensor Q, Tensor K, Tensor V) Project(Tensor hidden, long batch, long count)
    {
        int heads = _spec.Heads, keyHeads = _spec.KeyHeads, size = _spec.HeadSize;
        Tensor q, k, v;
        if (_spec.Layout == QkvLayout.Separate) (q, k, v) = (_query!.call(hidden), _key!.call(hidden), _value!.call(hidden));
        else if (_spec.Layout == QkvLayout.Concatenated)
        {
            var all = _qkv!.call(hidden);
            long queries = (long)heads * size, keys = (long)keyHeads * size;
            (q, k, v) = (all.narrow(2, 0, queries), all.narrow(2, queries, keys), all.narrow(2, queries + keys, keys));
        }
        else
        {
            var all = _qkv!.call(hidden).view(batch, count, heads, 3 * size);
            return (all.narrow(3, 0, size), all.narrow(3, size, size), all.narrow(3, 2 * size, size));
        }
        if (_spec.QkNorm == QkNorm.WholeWidth) (q, k) = (_queryNorm!.call(q), _keyNorm!.call(k));
        (q, k, v) = (q.view(batch, count, heads, size), k.view(batch, count, keyHeads, size), v.view(batch, count, keyHeads, size));
        if (_spec.QkNorm == QkNorm.PerHead) (q, k) = (_queryNorm!.call(q), _keyNorm!.call(k));
        return (q, k, v);
    }

    // The fused kernel knows no soft cap.
    private Tensor Eager(Tensor q, Tensor k, Tensor v, Tensor? mask, double cap)
    {
        long batch = q.size(0), count = q.size(2), groups = _spec.Heads / _spec.KeyHeads;
        var grouped = q.reshape(batch, _spec.KeyHeads, groups, count, _spec.HeadSize);
        var scores = grouped.matmul(k.unsqueeze(2).transpose(-2, -1)).mul(Scalars.Of(_spec.Scale));
        scores = scores.mul(Scalars.Of(1 / cap)).tanh().mul(Scalars.Of(cap));
        if (mask is not null) scores = scores.Plus(mask.unsqueeze(2));
        var weights = nn.functional.softmax(scores, -1, ScalarType.Float32).to(v.dtype);
        return weights.matmul(v.unsqueeze(2)).view(batch, _spec.Heads, count, _spec.HeadSize);
    }

    private T Add<T>(string name, T module) where T : nn.Module
    {
        register_module(name, module);
        return module;
    }
}
