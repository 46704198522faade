using System.Text.Json.Nodes;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// A causal language model, ids I64 [B, T] -> logits [B, T, V]. Its modules and parameters have Hugging Face's names and stay as they are
/// stored, frozen, until something replaces them. Disposing it releases the files its weights lie in.
/// </summary>
public sealed class CausalLM : nn.Module<Tensor, Tensor>
{
    private readonly IWeightSource? _source;
    private readonly TokenEmbedding _embedding;
    private readonly TokenEmbedding? _positions;
    private readonly DecoderBlock[] _blocks;
    private readonly StoredModule _finalNorm;
    private readonly Projection _head;

    internal CausalLM(DecoderSpec spec, Parts parts, IWeightSource? source, JsonObject config, Device device) : base("CausalLM")
    {
        (Spec, _source, Config, ComputeDType, Device, Source) = (spec, source, config, parts.ComputeDType, device, source?.Path ?? "");
        var names = spec.Names;
        var inner = parts.Under(names.Base);
        var model = new ModuleGroup(names.Base);
        register_module(names.Base, model);
        model.register_module(names.Embedding, _embedding = inner.Embedding(names.Embedding, spec.VocabularySize, spec.EmbeddingScale));
        if (names.PositionEmbedding is { } positions)
            model.register_module(positions, _positions = inner.Embedding(positions, spec.MaxPositions));
        var list = new ModuleGroup(names.Layers);
        model.register_module(names.Layers, list);
        _blocks = new DecoderBlock[spec.Layers.Count];
        for (int i = 0; i < _blocks.Length; i++)
            list.register_module($"{i}", _blocks[i] = new DecoderBlock($"{i}", inner.Under(names.Layers).Under($"{i}"), i));
        model.register_module(names.FinalNorm, _finalNorm = inner.Norm(names.FinalNorm, spec.HiddenSize));
        _head = spec.Tied
            ? _embedding.Quantized is { } table ? new Projection(names.Head, table, null, parts.ComputeDType, isOutput: true) : new Projection(names.Head, _embedding.Weight, null, parts.ComputeDType, isOutput: true)
            : parts.Linear(names.Head, spec.HiddenSize, spec.VocabularySize, bias: false, isOutput: true);
        register_module(names.Head, _head);
        if (spec.Tied) _embedding.TiedOutput = _head;
    }

    /// <summary>What the model computes.</summary>
    public DecoderSpec Spec { get; }
    /// <summary>The folder or file it came from.</summary>
    public string Source { get; }
    /// <summary>The open files that its weights lie in; null where there are none.</summary>
    internal IWeightSource? Files => _source;
    /// <summary>The config.json it was made from.</summary>
    public JsonObject Config { get; }
    /// <summary>Dropout of its own that its configuration asks for, as `resid_pdrop 0.1`: it never acts, in training neither.</summary>
    public IReadOnlyList<string> UnusedDropout => [.. HarmlessKeys.Dropouts(Config)];
    /// <summary>The dtype it computes in, float32 or bfloat16.</summary>
    public ScalarType ComputeDType { get; }
    /// <summary>Where it computes.</summary>
    public Device Device { get; }
    /// <summary>The count of its weights' numbers, shared ones once.</summary>
    public long ParameterCount => Stored().Sum(w => w.Weight.Elements);
    /// <summary>Bytes its weights take as stored, in memory or in the mapped file, shared ones once.</summary>
    public long Bytes => Stored().Sum(w => w.Weight.Bytes);
    /// <summary>Whether any of its matrices is quantised.</summary>
    public bool IsQuantized => Stored().Any(w => w.Weight.Quantized is not null);
    /// <summary>Whether its weights are gone.</summary>
    public bool IsDisposed { get; private set; }
    /// <summary>Blocks.</summary>
    public int BlockCount => _blocks.Length;
    /// <summary>Whether the output layer still shares the embedding's parameter (replacing either unties them).</summary>
    public bool IsTied => ReferenceEquals(_head.WeightIdentity, _embedding.WeightIdentity);

    /// <summary>ids I64 [B, T] -> logits [B, T, V], nothing padded, no cache.</summary>
    public override Tensor forward(Tensor ids) => Logits(Hidden(ids));

    /// <summary>The states behind the final norm, [B, T, H].</summary>
    /// <param name="ids">I64 [B, T].</param>
    /// <param name="attentionMask">[B, T] or, with a cache, [B, past + T]: 0 for padding, on either side; null: none.</param>
    /// <param name="cache">Keys and values of what came before; this pass adds its own. Without gradients only.</param>
    public Tensor Hidden(Tensor ids, Tensor? attentionMask = null, KvCache? cache = null)
    {
        using var scope = NewDisposeScope();
        return Hidden(Prepare(ids, attentionMask, cache)).MoveToOuterDisposeScope();
    }

    /// <summary>The states behind the final norm, [B, T, H], from what Prepare made.</summary>
    public Tensor Hidden(BlockInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        using var scope = NewDisposeScope();
        var hidden = Embed(input);
        for (int i = 0; i < _blocks.Length; i++)
        {
            var next = Block(i, hidden, input);
            hidden.Dispose();
            hidden = next;
        }
        return FinalNorm(hidden).MoveToOuterDisposeScope();
    }

    /// <summary>Hidden states [.., H] -> logits [.., V], scaled and capped as the family does.</summary>
    public Tensor Logits(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        using var scope = NewDisposeScope();
        var logits = _head.call(hidden);
        if (Spec.LogitScale != 1) logits = logits.mul(Scalars.Of(Spec.LogitScale));
        if (Spec.LogitSoftCap is { } cap) logits = logits.mul(Scalars.Of(1 / cap)).tanh().mul(Scalars.Of(cap));
        return logits.MoveToOuterDisposeScope();
    }

    /// <summary>The first step of Hidden: masks, positions, rotary tables. Its tensors belong to the current dispose scope.</summary>
    public BlockInput Prepare(Tensor ids, Tensor? attentionMask = null, KvCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return BlockInput.Make(Spec, ids.device == Device ? ids : ids.to(Device), attentionMask?.to(Device), cache, ComputeDType);
    }

    /// <summary>The first step for documents that lie end to end in one sequence, ids I64 [1, T].</summary>
    public BlockInput Prepare(Tensor ids, DocumentLayout documents)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(documents);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return BlockInput.Make(Spec, ids.device == Device ? ids : ids.to(Device), documents, ComputeDType);
    }

    /// <summary>The second step: embedded tokens, [B, T, H].</summary>
    public Tensor Embed(BlockInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        using var scope = NewDisposeScope();
        var hidden = _embedding.call(input.Ids);
        if (_positions is not null) hidden = hidden.Plus(_positions.call(input.Positions));
        return hidden.MoveToOuterDisposeScope();
    }

    /// <summary>The steps between: block <paramref name="index"/>, [B, T, H] -> [B, T, H].</summary>
    public Tensor Block(int index, Tensor hidden, BlockInput input) => _blocks[index].call(hidden, input);

    /// <summary>The blocks opened for a step written by hand; only where <see cref="PlainBlock.Refusal"/> has no objection.</summary>
    public IReadOnlyList<PlainBlock> PlainBlocks() => [.. _blocks.Select(b => b.AsPlain())];

    /// <summary>The norm behind the last block, an RmsNorm or a LayerNorm.</summary>
    public StoredModule LastNorm => _finalNorm;
    /// <summary>The token embedding.</summary>
    public TokenEmbedding Embedding => _embedding;
    /// <summary>The learned positions, or null.</summary>
    public TokenEmbedding? PositionEmbedding => _positions;
    /// <summary>The output layer.</summary>
    public Projection Head => _head;

    /// <summary>The last step: the final norm.</summary>
    public Tensor FinalNorm(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        using var scope = NewDisposeScope();
        return _finalNorm.call(hidden).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// False where <paramref name="added"/> more tokens carry a longrope model over its trained length, where all factors change: the keys in the
    /// cache are then wrong, and the whole sequence has to be run again through an empty one, as Transformers does. A dynamic rope goes on with them.
    /// </summary>
    public bool CanContinue(KvCache cache, int added)
        => cache is null ? throw new ArgumentNullException(nameof(cache)) : cache.Length == 0 || !Spec.Ropes.Any(r => r.Kind == RopeKind.LongRope && cache.Length <= r.TrainedPositions && cache.Length + added > r.TrainedPositions);

    /// <summary>An empty cache for this model.</summary>
    public KvCache NewCache(int capacity = 256) => new(_blocks.Length, capacity);

    /// <summary>Every weight that is a parameter, so no quantised one, by its full name in the order of the modules, a shared one once, under the embedding's name.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Weights() => Stored().Where(w => w.Weight.Quantized is null).Select(w => (w.Name, w.Weight.Parameter));

    /// <summary>The matrices held in blocks, by the weight's full name, in the order of the modules: projections, and embedding and output layer where the file holds them so (a shared one once).</summary>
    public IEnumerable<(string Name, QuantizedWeight Weight)> QuantizedWeights() => Stored().Where(w => w.Weight.Quantized is not null).Select(w => (w.Name, w.Weight.Quantized!));

    /// <summary>Whether a weight is an embedding's or the output layer's, which no quantised folder holds in blocks.</summary>
    internal bool IsTable(StoredWeight weight)
        => ((StoredModule?[])[_embedding, _positions, _head]).Any(m => m is not null && m.StoredWeights.Any(w => ReferenceEquals(w.Weight.Identity, weight.Identity)));

    /// <summary>Every weight, of either sort.</summary>
    internal IEnumerable<(string Name, StoredWeight Weight)> Stored()
    {
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        foreach (var (path, module) in StoredBelow(this, ""))
            foreach (var (local, weight) in module.StoredWeights)
                if (seen.Add(weight.Identity)) yield return (path + local, weight);
    }

    /// <summary>Every projection by its path, in the order of the modules.</summary>
    public IEnumerable<(string Name, Projection Module)> Projections()
        => StoredBelow(this, "").Where(m => m.Module is Projection).DistinctBy(m => m.Module, ReferenceEqualityComparer.Instance).Select(m => (m.Path[..^1], (Projection)m.Module));

    /// <inheritdoc/>
    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true) => recurse ? Weights() : [];

    /// <inheritdoc/>
    public override IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(p => p.parameter);

    // In order of registration, which TorchSharp's named_modules turns round.
    private static IEnumerable<(string Path, StoredModule Module)> StoredBelow(nn.Module module, string prefix)
        => module.named_children().SelectMany(c => c.module is StoredModule stored ? [(prefix + c.name + ".", stored)] : StoredBelow(c.module, prefix + c.name + "."));

    /// <summary>Replaces every weight by an owned float32 one that requires gradients, for full fine-tuning; sharing is kept.</summary>
    public void MakeTrainable()
    {
        Dictionary<object, (IDisposable Old, Parameter Fresh)> made = new(ReferenceEqualityComparer.Instance);
        foreach (var module in modules().OfType<StoredModule>())
            foreach (var (_, weight) in module.StoredWeights)
            {
                if (!made.TryGetValue(weight.Identity, out var pair))
                {
                    using var scope = NewDisposeScope();
                    var fresh = new Parameter(weight.Parameter.detach().to(ScalarType.Float32, copy: true), requires_grad: true);
                    made.Add(weight.Identity, pair = ((IDisposable)weight.Identity, (Parameter)fresh.DetachFromDisposeScope()));
                }
                weight.Replace(pair.Fresh);
            }
        foreach (var (old, _) in made.Values) old.Dispose();
        foreach (string name in _source?.Names ?? []) _source!.Release(name);
    }

    /// <summary>Refused where it would change anything: the weights lie in their file, and what they are computed in is chosen on
    /// loading.</summary>
    protected override nn.Module _to(Device device, ScalarType dtype, bool non_blocking) => Stay(device.type, dtype);

    /// <summary>As the other.</summary>
    protected override nn.Module _to(TorchSharp.DeviceType deviceType, int deviceIndex, bool non_blocking) => Stay(deviceType, null);

    /// <summary>As the other.</summary>
    protected override nn.Module _to(ScalarType dtype, bool non_blocking) => Stay(null, dtype);

    private CausalLM Stay(TorchSharp.DeviceType? device, ScalarType? dtype)
        => (device ?? Device.type) == Device.type && (dtype ?? ComputeDType) == ComputeDType ? this
            : throw new BadInputException("a loaded model cannot be moved or converted",
                $"{device?.ToString().ToLowerInvariant()} {dtype?.ToString().ToLowerInvariant()}".Trim(), Source,
                $"{Device.type.ToString().ToLowerInvariant()}, {ComputeDType.ToString().ToLowerInvariant()}",
                    "Load it anew: ModelLoader.Load(path, dtype, device).");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
        if (disposing) _source?.Dispose();
    }
}
