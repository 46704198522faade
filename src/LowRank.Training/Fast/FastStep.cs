using System.Runtime.InteropServices;
using LowRank.Models;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// Forward and backward of a micro-batch by hand, for dense decoders with LoRA or DoRA on their projections and, where asked for, their biases: the mathematics of automatic
/// differentiation (a law test holds the two equal) in products that fit the caches, with everything between them done while they are there. A batch goes through in slices of whole
/// sequences, so memory does not grow with it.
/// Nothing below the lowest adapted block is differentiated.
/// </summary>
internal sealed unsafe class FastStep : IMicroStep, IDisposable
{
    private readonly CausalLM _model;
    private readonly Adapter _adapter;
    private readonly Kernels _k;
    private readonly Workspace _space;
    private readonly List<FastBlock> _blocks;
    private readonly FastLoss _loss;
    private readonly FastWidths _widths;
    private readonly long _limit;
    private readonly int _lowest;
    private readonly Dictionary<(RopeSpec, int), (float[], float[])> _tables = [];
    private readonly bool _planned, _allAgain;
    private FastPlan? _plan;
    private int _rows, _longest;
    private FastAttention? _attention;
    private NativeBlock? _memory;
    private Shared? _shared;
    private Saved?[] _saved = [];
    private Saved? _passing;
    private long _inputs;

    /// <summary>Opens the model; only where <see cref="Refusal"/> has no objection.</summary>
    /// <param name="model">The base.</param>
    /// <param name="adapter">What is trained.</param>
    /// <param name="limit">Bytes that activations may take; null: what <see cref="FastPlan.DefaultLimit"/> says.</param>
    /// <param name="plan">Made before, for the longest sequence of the run; null: made by <paramref name="limit"/> from the batches that come.</param>
    /// <param name="allAgain">Whether every block is run again in the backward pass, without a plan.</param>
    public FastStep(CausalLM model, Adapter adapter, long? limit = null, FastPlan? plan = null, bool allAgain = false)
    {
        (_plan, _planned, _allAgain) = (plan, plan is not null, allAgain);
        (_model, _adapter) = (model, adapter);
        _k = Kernels.Of(model.ComputeDType);
        var names = model.named_modules().Where(m => m.module is Projection).DistinctBy(m => m.module, ReferenceEqualityComparer.Instance).ToDictionary(m => (Projection)m.module, m => m.name, (IEqualityComparer<Projection>)ReferenceEqualityComparer.Instance);
        var factors = adapter.Parameters.ToLookup(p => p.Module);
        var scales = adapter.Modules.ToDictionary(m => m.Module, m => m.Scale);
        FastLinear Open(Projection layer)
        {
            string name = names[layer];
            Parameter? Of(ParameterRole role) => factors[name].FirstOrDefault(p => p.Role == role)?.Parameter;
            return new FastLinear(layer, Of(ParameterRole.A), Of(ParameterRole.B), scales.GetValueOrDefault(name, 1), Of(ParameterRole.Magnitude), Of(ParameterRole.Bias), _k);
        }
        var plain = model.PlainBlocks();
        var spec = model.Spec;
        _loss = new FastLoss(model, _k);
        _widths = FastWidths.Of(spec, plain, p => factors[names[p]].Where(f => f.Role == ParameterRole.A).Sum(f => (int)f.Parameter.size(0)), _k.Size, _loss.Bytes, adapter.Config.UseDora);
        _limit = limit ?? FastPlan.DefaultLimit(model.Bytes);
        _space = new Workspace(_k, new[] { spec.HiddenSize, _widths.Qkv, 2 * spec.FeedForward.Size }.Max(), Math.Max(16, _widths.Rank), Math.Max(Math.Max(spec.HiddenSize, spec.FeedForward.Size), _widths.Mixed));
        _blocks = [.. plain.Select(b => new FastBlock(b, spec, _space, Open))];
        _lowest = _blocks.FindIndex(b => b.Stacks.Any(s => s.IsTrained));
    }

    /// <summary>Numbers of a row in its buffers.</summary>
    public FastWidths Widths => _widths;
    /// <summary>Blocks that are differentiated.</summary>
    public int Blocks => _blocks.Count - _lowest;
    /// <summary>Bytes held from the start: the adapter's copies and the norms' factors, the threads' scratch.</summary>
    public (long Adapter, long Scratch) Held => (_blocks.Sum(b => b.Held) + _loss.Held, _space.Held);
    /// <summary>Bytes that scratch grows to: the largest product's panels, and the largest weights expanded (all would have to be where <paramref name="expanding"/>).</summary>
    public long ScratchToCome(bool expanding = false)
    {
        var stacks = _blocks.SelectMany(b => b.Stacks).ToList();
        return stacks.Max(s => s.PackedBytes) + stacks.Max(s => expanding ? (long)s.Out * s.In * _k.Size : s.ExpandedBytes);
    }
    /// <summary>Bytes of activations now.</summary>
    public long Activations => (_memory?.Bytes ?? 0) + (_attention?.Held ?? 0);
    /// <summary>Blocks whose activations are kept now.</summary>
    public int KeptBlocks => _saved.Count(s => s is not null);

    /// <summary>Why the step cannot be computed by hand; null if it can.</summary>
    public static string? Refusal(CausalLM model, Adapter? adapter, RunSettings settings)
    {
        if (adapter is null) return "all weights are trained";
        if (model.Device.type != TorchSharp.DeviceType.CPU) return $"it runs on {model.Device}";
        if (PlainBlock.Refusal(model.Spec) is { } kind) return $"the model has {kind}";
        var config = adapter.Config;
        if (model.Projections().FirstOrDefault(p => p.Module is { Transposed: true, Quantized: not null }) is { Name: { } turned }) return $"{turned} is quantised and stored turned over";
        if (BesideIt(adapter) is { } beside) return beside;
        if (config.Dropout > 0) return "lora_dropout is not 0";
        HashSet<string> open = [.. model.named_modules().Where(m => m.module is Projection { IsOutputEmbedding: false }).Select(m => m.name)];
        if (adapter.Parameters.FirstOrDefault(p => p.Role is not (ParameterRole.A or ParameterRole.B or ParameterRole.Magnitude or ParameterRole.Bias) || !open.Contains(p.Module)) is { } other) return $"{other.Key} is trained";
        return model.Weights().FirstOrDefault(w => w.Parameter.dim() == 2 && !FastWeight.CanRead(w.Parameter)) is { Parameter: not null } odd ? $"{odd.Name} is stored in {odd.Parameter.dtype}" : null;
    }

    // The step computes the adapter alone, at strength 1.
    private static string? BesideIt(Adapter adapter)
    {
        foreach (var (other, strength) in adapter.Host.Active)
        {
            if (strength == 0) continue;
            if (!ReferenceEquals(other, adapter)) return $"the adapter {other.Name} acts beside it";
            if (strength != 1) return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the adapter's strength is {strength}");
        }
        return null;
    }

    /// <inheritdoc/>
    public TargetSums Run(Batch batch, double weight, long microStep)
    {
        batch.Check(_model.Spec.VocabularySize);
        if (batch.IsPaddedInside) throw new BadInputException("a batch is padded before or between its tokens", expected: "padding at the rows' ends only", place: "Batch.Mask");
        if (!_adapter.IsActing || BesideIt(_adapter) is not null)
            throw new InvalidOperationException("the adapters that act have changed since training began: " + (BesideIt(_adapter) ?? $"{_adapter.Name} does not act any more"));
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        long t = StepClock.Start();
        var stacks = _blocks.SelectMany(b => b.Stacks).ToArray();
        foreach (var stack in stacks) stack.Look();
        Workers.For(stacks.Length, (worker, i) => stacks[i].Begin(worker));
        foreach (var stack in stacks) stack.Measure();
        StepClock.Tick("packing adapters", t);
        TargetSums sums = default;
        int longest = batch.Documents?.Max() ?? batch.T;
        if (_plan is null || (longest > _longest && !_planned)) _plan = FastPlan.Make(_widths, _model.Spec, _blocks.Count - _lowest, longest, _limit, allAgain: _allAgain);
        BlockInput.CheckLength(_model.Spec, longest);
        try { foreach (var slice in FastSlice.Of(batch, _plan.SliceTokens)) sums += Run(slice, weight); }
        finally { Workers.Run(_ => Kernels.Done()); }
        return sums;
    }

    private TargetSums Run(FastSlice slice, double weight)
    {
        MakeRoom(slice);
        int n = slice.Rows;
        Dictionary<RopeSpec, RopeRows> ropes = [];
        foreach (var block in _blocks)
            if (block.Rope is { } spec && !ropes.ContainsKey(spec)) ropes.Add(spec, new RopeRows(spec, slice, _tables));
        RopeRows? RopeOf(FastBlock block) => block.Rope is { } spec ? ropes[spec] : null;
        try
        {
            Embed(slice, Input(0));
            for (int i = 0; i < _blocks.Count; i++) _blocks[i].Forward(slice, Input(i), Input(i + 1), _saved[i] ?? _passing!, _shared!, _attention!, RopeOf(_blocks[i]));
            byte* gradient = _memory!.Start + _inputs;
            NativeMemory.Clear(gradient, (nuint)((long)n * _widths.Hidden * _k.Size));
            double loss = _loss.Run(slice, Input(_blocks.Count), gradient, weight, _shared!.Start, _space);
            if (slice.Targets.Count == 0 || _lowest < 0) return default;
            for (int i = _blocks.Count - 1; i >= _lowest; i--)
            {
                var saved = _saved[i];
                if (saved is null) // recomputed
                {
                    saved = _passing!;
                    _blocks[i].Forward(slice, Input(i), null, saved, _shared, _attention!, RopeOf(_blocks[i]));
                }
                _blocks[i].Backward(slice, Input(i), gradient, saved, _shared, _attention!, RopeOf(_blocks[i]), wantsInput: i > _lowest);
            }
            return new(loss, 0, slice.Targets.Count);
        }
        finally { foreach (var rope in ropes.Values) rope.Dispose(); }
    }

    // The gradient comes first. Blocks below the lowest adapted one hand their output on through two buffers in turn.
    private byte* Input(int block) => _memory!.Start + _inputs + (1 + (block <= _lowest ? block % 2 : block - _lowest + Math.Min(_lowest, 1))) * FastPlan.InputBytes(_widths, _rows);

    private void Embed(FastSlice slice, byte* to)
    {
        var table = FastWeight.Of(_model.Embedding, _k);
        float scale = (float)_model.Embedding.OutputScale;
        int width = table.Columns;
        var positions = _model.PositionEmbedding is { } learned ? FastWeight.Of(learned, _k) : null;
        int[]? positionOf = positions is null ? null : [.. slice.Sequences.SelectMany(s => Enumerable.Range(0, s.Length).Select(p => Math.Min(p, positions.RowCount - 1)))]; // only the filling may be longer
        Workers.For(slice.Rows, (worker, row) =>
        {
            byte* target = to + (long)row * width * _k.Size, from = table.Rows(slice.Ids[row], 1, target);
            if (from != target) Buffer.MemoryCopy(from, target, (long)width * _k.Size, (long)width * _k.Size);
            if (scale == 1 && positions is null) return;
            float* wide = (float*)_space.Rows(worker);
            _k.Widen(target, wide, width, scale);
            if (positions is null) _k.Narrow(wide, target, width, 1);
            else _k.StoreSum(wide, width, 1, width, target, width, 1, null, positions.Rows(positionOf![row], 1, (byte*)(wide + width)));
        });
    }

    private void MakeRoom(FastSlice slice)
    {
        if (_attention is not null && slice.Rows <= _rows && _attention.Fits(slice)) return;
        _longest = Math.Max(_longest, slice.Sequences.Max(s => s.Length));
        _rows = Math.Max(_rows, slice.Rows);
        Free(); // where the new memory cannot be had, nothing of the old is used again
        int blocks = _blocks.Count - _lowest, kept = _plan!.Kept(_widths, _model.Spec, _rows, _longest, blocks);
        long saved = FastPlan.SavedBytes(_widths, _rows), shared = FastPlan.SharedBytes(_widths, _rows);
        int passing = kept < _blocks.Count ? 1 : 0;
        _inputs = (kept + passing) * saved + shared;
        _memory = new NativeBlock(_inputs + FastPlan.States(_model.Spec, blocks) * FastPlan.InputBytes(_widths, _rows));
        _passing = passing > 0 ? new Saved(_widths, _rows, _memory.Start + kept * saved) : null;
        _saved = [.. _blocks.Select((_, i) => i >= _blocks.Count - kept ? new Saved(_widths, _rows, _memory.Start + (_blocks.Count - 1 - i) * saved) : null)];
        _shared = new Shared(_widths, _rows, _memory.Start + (kept + passing) * saved);
        _attention = new FastAttention(_model.Spec.Attention, _k, _rows, Math.Max(slice.PaddedRows, FastPlan.PaddedRows(_rows, _longest)), _longest);
    }

    private void Free()
    {
        _attention?.Dispose();
        _memory?.Dispose();
        (_attention, _memory) = (null, null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        _loss.Dispose();
        foreach (var block in _blocks) block.Dispose();
        _space.Dispose();
    }
}
