using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// What all blocks of one forward pass share, made once by <see cref="CausalLM"/>.Prepare. Its tensors belong to the dispose scope
/// that was current then.
/// </summary>
public sealed class BlockInput
{
    private readonly Dictionary<(int Window, long Length), AttentionMask> _masks = [];

    private BlockInput(Tensor ids, Tensor positions, KvCache? cache, IReadOnlyList<SequenceRun> runs) => (Ids, Positions, Cache, Runs) = (ids, positions, cache, runs);

    /// <summary>[B, T] token ids.</summary>
    public Tensor Ids { get; }
    /// <summary>[B or 1, T] positions.</summary>
    public Tensor Positions { get; }
    /// <summary>Where keys and values are kept; null without.</summary>
    public KvCache? Cache { get; }
    /// <summary>Rotary tables, as <see cref="DecoderSpec.Ropes"/>.</summary>
    public IReadOnlyList<RopeTable> Ropes { get; private set; } = [];

    /// <summary>What attends within itself: the rows of a batch as one entry, or the documents of a sequence.</summary>
    public IReadOnlyList<SequenceRun> Runs { get; }

    /// <summary>The mask of a run's sequences in layers with this window (null: none).</summary>
    public AttentionMask Mask(int? window, SequenceRun run) => _masks[(window ?? 0, run.Length)];

    internal static BlockInput Make(DecoderSpec spec, Tensor ids, Tensor? mask, KvCache? cache, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        long rows = ids.size(0), count = ids.size(1), past = cache?.Length ?? 0, total = past + count;
        CheckIds(ids, spec.VocabularySize);
        var valid = WholeMask(mask, cache, rows, count);
        var positions = valid is null
            ? AttentionMask.Range(past, count, ids.device).unsqueeze(0)
            : valid.to(ScalarType.Int64).cumsum(1).sub(Scalars.Of(1L)).clamp_min(Scalars.Of(0L)).narrow(1, past, count);
        // Without a cache, padding on the right comes after every token that counts: the causal rule alone hides it.
        var hidden = valid is not null && past == 0 && OnTheRight(valid) ? null : valid;
        if (hidden is null && past == 0) positions = AttentionMask.Range(0, count, ids.device).unsqueeze(0);
        long longest = valid is null ? total : positions.max().item<long>() + 1;
        CheckLength(spec, longest);

        var input = new BlockInput(ids, positions.MoveToOuterDisposeScope(), cache, [new(0, rows, count)]);
        foreach (int? window in Windows(spec))
            input._masks[(window ?? 0, count)] = Moved(AttentionMask.Make(past, count, window, hidden, spec.Attention.SoftCap is not null, dtype, ids.device));
        input.Ropes = [.. spec.Ropes.Select(r => RopeTable.Make(r, input.Positions, longest, dtype))];
        foreach (var table in input.Ropes) table.ToOuterScope();
        return input;
    }

    /// <summary>The same for documents end to end: a mask (where one is needed at all) is made for the longest, and the others see a corner of it.</summary>
    internal static BlockInput Make(DecoderSpec spec, Tensor ids, DocumentLayout documents, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        CheckIds(ids, spec.VocabularySize);
        if (ids.size(0) != 1 || ids.size(1) != documents.Tokens)
            throw new ArgumentException($"token ids have shape [{string.Join(", ", ids.shape)}], expected [1, {documents.Tokens}], the documents end to end");
        CheckLength(spec, documents.Longest);
        var input = new BlockInput(ids, documents.Positions(ids.device).MoveToOuterDisposeScope(), null, documents.Runs);
        bool eager = spec.Attention.SoftCap is not null;
        foreach (int? window in Windows(spec))
        {
            var whole = AttentionMask.Make(0, documents.Longest, window, null, eager, dtype, ids.device);
            foreach (long length in documents.Runs.Select(r => r.Length).Distinct())
                input._masks[(window ?? 0, length)] = Moved(whole.Corner(length, window, eager));
        }
        input.Ropes = [.. spec.Ropes.Select(r => RopeTable.Make(r, input.Positions, documents, dtype))];
        foreach (var table in input.Ropes) table.ToOuterScope();
        return input;
    }

    private static IEnumerable<int?> Windows(DecoderSpec spec) => spec.Layers.Select(l => l.Window).Distinct();

    /// <summary>Sequences of up to <paramref name="longest"/> tokens have learned positions, where the model has such.</summary>
    /// <exception cref="BadInputException">They have not.</exception>
    public static void CheckLength(DecoderSpec spec, long longest)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Names.PositionEmbedding is not null && longest > spec.MaxPositions)
            throw new BadInputException("the sequence is longer than the model's learned positions", $"{longest} tokens", spec.ModelType, $"at most {spec.MaxPositions}");
    }

    // [B, past + T] bool, or null where all are tokens. Also tells the cache.
    private static Tensor? WholeMask(Tensor? mask, KvCache? cache, long rows, long count)
    {
        long past = cache?.Length ?? 0;
        if (mask is not null && (mask.dim() != 2 || mask.size(0) != rows || (mask.size(1) != count && mask.size(1) != past + count)))
            throw new ArgumentException($"the attention mask has shape [{string.Join(", ", mask.shape)}], expected [{rows}, {count}]" + (past > 0 ? $" or [{rows}, {past + count}]" : ""));
        var now = mask?.narrow(1, mask.size(1) - count, count).to(ScalarType.Bool);
        if (now is not null && now.all().item<bool>()) now = null;
        if (cache is null) return now;
        cache.Announce(rows, count, now);
        return cache.Valid;
    }

    private static bool OnTheRight(Tensor valid)
        => valid.size(1) < 2 || valid.narrow(1, 0, valid.size(1) - 1).logical_or(valid.narrow(1, 1, valid.size(1) - 1).logical_not()).all().item<bool>();

    private static void CheckIds(Tensor ids, int vocabulary)
    {
        if (ids.dim() != 2 || ids.NumberOfElements == 0) throw new ArgumentException($"token ids have shape [{string.Join(", ", ids.shape)}], expected [B, T]");
        long low = ids.min().item<long>(), high = ids.max().item<long>();
        if (low < 0 || high >= vocabulary)
            throw new BadInputException("a token id is outside the model's vocabulary", (low < 0 ? low : high).ToString(), expected: $"0 to {vocabulary - 1}", remedy: "The tokenizer belongs to another model.");
    }

    private static AttentionMask Moved(AttentionMask mask)
    {
        mask.Additive?.MoveToOuterDisposeScope();
        return mask;
    }
}
