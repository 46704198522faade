using LowRank.Tensors;

namespace LowRank.Inference;

/// <summary>Chooses the next token of one sequence from its logits, in Transformers' order: penalty, temperature, top-k, top-p, min-p. Of equal logits the lower id comes first.</summary>
internal sealed class Sampler(GenerationOptions options, int sequence)
{
    /// <summary>The next token. <paramref name="logits"/> [V] is overwritten.</summary>
    /// <param name="logits">The last position's logits.</param>
    /// <param name="history">Prompt and new tokens so far.</param>
    /// <param name="step">New tokens so far.</param>
    /// <exception cref="NoNumberException">The logits are NaN.</exception>
    public int Next(Span<float> logits, IReadOnlyCollection<int> history, int step)
    {
        if (options.RepetitionPenalty != 1) Penalise(logits, history);
        int best = Largest(logits);
        if (options.IsGreedy) return best;

        float top = logits[best];
        for (int i = 0; i < logits.Length; i++) logits[i] = (float)((logits[i] - top) / options.Temperature);
        int[]? order = options.TopK > 0 || options.TopP < 1 || options.MinP > 0 ? Descending(logits) : null; // ids; null: all of them, as they lie
        if (order is not null && options.TopK > 0 && options.TopK < order.Length) order = order[..options.TopK];
        double[] probabilities = Softmax(logits, order);
        if (options.TopP < 1) Keep(CountOfTopP(probabilities), logits, ref order, ref probabilities);
        if (options.MinP > 0) Keep(CountOfMinP(probabilities), logits, ref order, ref probabilities);

        double target = Uniform(step), total = 0;
        int last = 0;
        for (int i = 0; i < probabilities.Length; i++)
        {
            if (probabilities[i] == 0) continue;
            last = i;
            if ((total += probabilities[i]) > target) break;
        }
        return order?[last] ?? last;
    }

    private static int Largest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(logits[i])) throw new NoNumberException();
            if (logits[i] > logits[best]) best = i;
        }
        return best;
    }

    private void Penalise(Span<float> logits, IReadOnlyCollection<int> history)
    {
        float penalty = (float)options.RepetitionPenalty;
        foreach (int id in history.Distinct()) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
    }

    /// <summary>All ids, the likeliest first: sorted as whole numbers, score above id, which is several times faster than with a comparer.</summary>
    private static int[] Descending(ReadOnlySpan<float> scores)
    {
        ulong[] keys = new ulong[scores.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(scores[i] + 0f); // no negative zero
            keys[i] = ((ulong)(bits >= 0x80000000 ? bits : ~bits & 0x7fffffff) << 32) | (uint)i;
        }
        Array.Sort(keys);
        return Array.ConvertAll(keys, k => (int)(uint)k);
    }

    private int CountOfTopP(double[] probabilities)
    {
        double sum = 0;
        int count = 0;
        while (count < probabilities.Length && sum < options.TopP) sum += probabilities[count++];
        return count;
    }

    private int CountOfMinP(double[] probabilities)
    {
        int count = 1;
        while (count < probabilities.Length && probabilities[count] >= options.MinP * probabilities[0]) count++;
        return count;
    }

    private static void Keep(int count, ReadOnlySpan<float> scores, ref int[]? order, ref double[] probabilities)
    {
        if (count == order!.Length) return;
        order = order[..count];
        probabilities = Softmax(scores, order);
    }

    // Scores are at most 0, the largest is 0.
    private static double[] Softmax(ReadOnlySpan<float> scores, int[]? order)
    {
        double[] result = new double[order?.Length ?? scores.Length];
        double sum = 0;
        for (int i = 0; i < result.Length; i++) sum += result[i] = Math.Exp(scores[order?[i] ?? i]);
        for (int i = 0; i < result.Length; i++) result[i] /= sum;
        return result;
    }

    /// <summary>In [0, 1), a function of seed, sequence and step, so that neither batching nor other sequences change it.</summary>
    private double Uniform(int step) => (SplitMix.At(options.Seed, sequence, step) >> 11) * (1.0 / (1UL << 53));
}

/// <summary>The logits are NaN; whoever has the model says why.</summary>
internal sealed class NoNumberException() : InvalidOperationException("the model's logits are NaN");
