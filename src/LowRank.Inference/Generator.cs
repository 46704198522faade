using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Inference;

/// <summary>
/// Generates from a model, with whatever adapters its host has active, or with each prompt's own adapter. One batch at a time: prefill, then a token for every
/// unfinished row. Must run on the torch thread.
/// </summary>
/// <param name="model">The base, possibly merged.</param>
/// <param name="tokenizer">For text and stop strings; null: ids only.</param>
/// <param name="host">The owner of the model's adapters; null where there is none.</param>
public sealed class Generator(CausalLM model, Tokenizer? tokenizer, AdapterHost? host = null)
{
    private readonly CausalLM _model = model ?? throw new ArgumentNullException(nameof(model));

    /// <summary>Generates for all prompts; results are in their order.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="options">How.</param>
    /// <param name="onText">Called with a prompt's number and a piece of text as soon as it is certain.</param>
    /// <param name="stop">Ends early; what was made so far is returned.</param>
    /// <param name="prefix">For a single prompt: what earlier ones left, and where this one leaves its own.</param>
    /// <exception cref="BadInputException">A prompt is empty, too long, or has ids outside the vocabulary; options out of range.</exception>
    public IReadOnlyList<GenerationResult> Generate(IReadOnlyList<GenerationRequest> requests, GenerationOptions options, Action<int, string>? onText = null, CancellationToken stop = default, PrefixCache? prefix = null)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        if (prefix is not null && requests.Count != 1) throw new ArgumentException("a prefix is kept for a single prompt", nameof(prefix));
        if (options.Stop.Count > 0 && tokenizer is null) throw new BadInputException("stop texts need a tokenizer", place: "--stop");
        for (int i = 0; i < requests.Count; i++) CheckRequest(requests[i], i);
        using var hold = host?.Hold("a generation");
        var sequences = requests.Select((r, i) => new Sequence(i, r, options, tokenizer, MostPositions)).ToList();
        foreach (var batch in Scheduler.Batches(sequences, options.BatchSize, s => (RopeKindOf(s, options.MaxNewTokens), UsesActive(s))))
        {
            if (stop.IsCancellationRequested) break;
            try { Run(batch, onText, stop, prefix, hold); }
            catch (NoNumberException e) { throw WeightCheck.Explain(_model, e.Message); }
        }
        return [.. sequences.Select(s => s.Result())];
    }

    private void Run(List<Sequence> running, Action<int, string>? onText, CancellationToken stop, PrefixCache? prefix, AdapterHold? hold)
    {
        using var outer = NewDisposeScope();
        using var nothing = inference_mode();
        if (prefix is null)
        {
            using var own = _model.NewCache();
            Run(running, onText, stop, own, hold);
            return;
        }
        var only = running[0];
        var cache = prefix.Begin(_model, host, only.Tokens, only.Request.Adapter);
        try { Run(running, onText, stop, cache, hold); }
        catch
        {
            prefix.Clear(); // perhaps some layers went on and others did not
            throw;
        }
        prefix.End(only.Tokens);
    }

    private void Run(List<Sequence> running, Action<int, string>? onText, CancellationToken stop, KvCache cache, AdapterHold? hold)
    {
        running.ForEach(s => s.Begin());
        var (ids, mask) = LeftPadded(running);
        if (cache.Length > 0) ids = ids[cache.Length..]; // one row: the rest of its prompt
        while (true)
        {
            using var scope = NewDisposeScope();
            var logits = Logits(running, ids, mask, cache, hold);
            for (int i = 0; i < running.Count; i++)
            {
                string piece = running[i].Advance(logits.AsSpan(i * _model.Spec.VocabularySize, _model.Spec.VocabularySize));
                if (piece.Length > 0) onText?.Invoke(running[i].Index, piece);
            }
            int[] alive = [.. Enumerable.Range(0, running.Count).Where(i => running[i].FinishReason is null)];
            if (alive.Length == 0 || stop.IsCancellationRequested) return;
            if (alive.Length < running.Count)
            {
                cache.Select(alive);
                running = [.. alive.Select(i => running[i])];
            }
            if (_model.CanContinue(cache, 1)) (ids, mask) = ([.. running.Select(s => (long)s.Tokens[^1])], null);
            else
            {
                cache.Truncate(0); // its keys were turned by other frequencies: everything again
                (ids, mask) = LeftPadded(running);
            }
        }
    }

    /// <summary>[rows * V] of the last position.</summary>
    private float[] Logits(List<Sequence> running, long[] ids, long[]? mask, KvCache cache, AdapterHold? hold)
    {
        int width = ids.Length / running.Count;
        var input = tensor(ids, running.Count, width, device: _model.Device);
        var padding = mask is null ? null : tensor(mask, running.Count, width, device: _model.Device);
        using var rows = running.Any(s => s.Request.Adapter is not null) ? hold!.Rows([.. running.Select(s => s.Request.Adapter)]) : null;
        var hidden = _model.Hidden(input, padding, cache);
        return _model.Logits(hidden.select(1, width - 1)).to(ScalarType.Float32).cpu().data<float>().ToArray();
    }

    private static (long[] Ids, long[]? Mask) LeftPadded(List<Sequence> batch)
    {
        int width = batch.Max(s => s.Tokens.Count);
        long[] ids = new long[batch.Count * width], mask = new long[ids.Length];
        for (int i = 0; i < batch.Count; i++)
        {
            int pad = width - batch[i].Tokens.Count;
            for (int t = pad; t < width; t++) (ids[i * width + t], mask[i * width + t]) = (batch[i].Tokens[t - pad], 1);
        }
        return (ids, mask.Contains(0) ? mask : null);
    }

    /// <summary>Tokens that a sequence may have: a dynamic rope is made to go beyond the positions of the configuration.</summary>
    private int MostPositions => _model.Spec.Ropes.FirstOrDefault(r => r.Kind == RopeKind.Dynamic) is { } rope
        ? (int)Math.Min(int.MaxValue, _model.Spec.MaxPositions * rope.Factor) : _model.Spec.MaxPositions;

    /// <summary>
    /// Where rotary frequencies depend on the length of the longest row, rows of different lengths would change each other. Those that stay within the
    /// trained length go together, those of a longrope that begin beyond it too; others only with rows of their own length.
    /// </summary>
    private int RopeKindOf(Sequence s, int added)
    {
        if (_model.Spec.Ropes.FirstOrDefault(r => r.Kind is RopeKind.Dynamic or RopeKind.LongRope) is not { } rope) return 0;
        int length = s.Tokens.Count;
        if ((long)length + added <= rope.TrainedPositions) return 0;
        return rope.Kind == RopeKind.LongRope && length > rope.TrainedPositions ? -1 : length;
    }

    /// <summary>Whether a row is computed with the host's active adapters, which a batch with adapters by row ignores.</summary>
    private bool UsesActive(Sequence s) => s.Request.Adapter is null && host?.Active.Count > 0;

    private void CheckRequest(GenerationRequest request, int number)
    {
        string place = $"prompt {number + 1}";
        ArgumentNullException.ThrowIfNull(request);
        int[] ids = request.PromptIds;
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Length == 0) throw new BadInputException("a prompt has no tokens", place: place, remedy: "Give some text.");
        foreach (int id in ids)
            if (id < 0 || id >= _model.Spec.VocabularySize)
                throw new BadInputException("a token id outside the vocabulary",
                    id.ToString(System.Globalization.CultureInfo.InvariantCulture), place,
                    $"0 to {_model.Spec.VocabularySize - 1}", "The ids were made with another model's tokenizer.");
        if (ids.Length >= MostPositions)
            throw new BadInputException("a prompt is too long for the model", $"{ids.Length} tokens", place, $"fewer than {MostPositions}", "Shorten it.");
        if (request.Adapter is { } name && host?.Adapters.ContainsKey(name) != true)
            throw new BadInputException("there is no adapter of this name", name, place, host is null || host.Adapters.Count == 0 ? "none is loaded" : string.Join(", ", host.Adapters.Keys), NearNames.Sentence(name, host?.Adapters.Keys ?? []));
    }
}
