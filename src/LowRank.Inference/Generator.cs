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
    /// <summary>Generates for all prompts; results are in their order.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="options">How.</param>
    /// <param name="onText">Called with a prompt's number and a piece of text as soon as it is certain.</param>
    /// <param name="stop">Ends early; what was made so far is returned.</param>
    /// <exception cref="BadInputException">A prompt is empty, too long, or has ids outside the vocabulary; options out of range.</exception>
    public IReadOnlyList<GenerationResult> Generate(IReadOnlyList<GenerationRequest> requests, GenerationOptions options, Action<int, string>? onText = null, CancellationToken stop = default)
    {
        options.Check();
        if (options.Stop.Count > 0 && tokenizer is null) throw new BadInputException("stop texts need a tokenizer", place: "--stop");
        for (int i = 0; i < requests.Count; i++) CheckPrompt(requests[i].PromptIds, i);
        var sequences = requests.Select((r, i) => new Sequence(i, r, options, tokenizer, model.Spec.MaxPositions)).ToList();
        foreach (var batch in Scheduler.Batches(sequences, options.BatchSize))
            if (!stop.IsCancellationRequested) Run(batch, onText, stop);
        return [.. sequences.Select(s => s.Result())];
    }

    private void Run(List<Sequence> running, Action<int, string>? onText, CancellationToken stop)
    {
        using var outer = NewDisposeScope();
        using var nothing = inference_mode();
        using var cache = model.NewCache();
        var (ids, mask) = LeftPadded(running);
        while (true)
        {
            using var scope = NewDisposeScope();
            var logits = Logits(running, ids, mask, cache);
            for (int i = 0; i < running.Count; i++)
            {
                string piece = running[i].Advance(logits.AsSpan(i * model.Spec.VocabularySize, model.Spec.VocabularySize));
                if (piece.Length > 0) onText?.Invoke(running[i].Index, piece);
            }
            int[] alive = [.. Enumerable.Range(0, running.Count).Where(i => running[i].FinishReason is null)];
            if (alive.Length == 0 || stop.IsCancellationRequested) return;
            if (alive.Length < running.Count)
            {
                cache.Select(alive);
                running = [.. alive.Select(i => running[i])];
            }
            (ids, mask) = ([.. running.Select(s => (long)s.Tokens[^1])], null);
        }
    }

    /// <summary>[rows * V] of the last position.</summary>
    private float[] Logits(List<Sequence> running, long[] ids, long[]? mask, KvCache cache)
    {
        int width = ids.Length / running.Count;
        var input = tensor(ids, running.Count, width, device: model.Device);
        var padding = mask is null ? null : tensor(mask, running.Count, width, device: model.Device);
        using var rows = running.Any(s => s.Request.Adapter is not null) ? host!.Rows([.. running.Select(s => s.Request.Adapter)]) : null;
        var hidden = model.Hidden(input, padding, cache);
        return model.Logits(hidden.select(1, width - 1)).to(ScalarType.Float32).cpu().data<float>().ToArray();
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

    private void CheckPrompt(int[] ids, int number)
    {
        if (ids.Length == 0) throw new BadInputException("a prompt has no tokens", place: $"prompt {number + 1}", remedy: "Give some text.");
        foreach (int id in ids)
            if (id < 0 || id >= model.Spec.VocabularySize)
                throw new BadInputException("a token id outside the vocabulary", id.ToString(System.Globalization.CultureInfo.InvariantCulture), $"prompt {number + 1}", $"0 to {model.Spec.VocabularySize - 1}");
        if (ids.Length >= model.Spec.MaxPositions)
            throw new BadInputException("a prompt is too long for the model", $"{ids.Length} tokens", $"prompt {number + 1}", $"fewer than {model.Spec.MaxPositions}");
    }
}
