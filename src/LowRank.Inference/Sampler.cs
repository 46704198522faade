using LowRank.Tensors;

namespace LowRank.Inference;

/// <summary>Chooses the next token of one sequence from its logits, in Transformers' order: penalty, temperature, top-k, top-p, min-p.</summary>
internal sealed class Sampler(GenerationOptions options, int sequence)
{
    /// <summary>The next token. <paramref name="logits"/> [V] is overwritten.</summary>
    /// <param name="logits">The last position's logits.</param>
    /// <param name="history">Prompt and new tokens so far.</param>
    /// <param name="step">New tokens so far.</param>
    public int Next(Span<float> logits, IReadOnlyCollection<int> history, int step)
    {
        if (options.RepetitionPenalty != 1) Penalise(logits, history);
        if (options.IsGreedy) return Largest(logits);

        int[] order = [.. Enumerable.Range(0, logits.Length)];
        float[] scores = logits.ToArray();
        for (int i = 0; i < scores.Length; i++) scores[i] /= (float)options.Temperature;
        Array.Sort(scores, order, Comparer<float>.Create((a, b) => b.CompareTo(a)));
        int kept = options.TopK > 0 ? Math.Min(options.TopK, scores.Length) : scores.Length;
        double[] probabilities = Softmax(scores.AsSpan(0, kept));
        if (options.TopP < 1)
        {
            double sum = 0;
            int count = 0;
            while (count < kept && sum < options.TopP) sum += probabilities[count++];
            probabilities = Softmax(scores.AsSpan(0, kept = Math.Max(1, count)));
        }
        if (options.MinP > 0)
        {
            int count = 1;
            while (count < kept && probabilities[count] >= options.MinP * probabilities[0]) count++;
            probabilities = Softmax(scores.AsSpan(0, kept = count));
        }
        double target = Uniform(step), total = 0;
        for (int i = 0; i < kept; i++)
            if ((total += probabilities[i]) > target) return order[i];
        return order[kept - 1];
    }

    private static int Largest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
            if (logits[i] > logits[best]) best = i;
        return best;
    }

    private void Penalise(Span<float> logits, IReadOnlyCollection<int> history)
    {
        float penalty = (float)options.RepetitionPenalty;
        foreach (int id in history.Distinct()) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
    }

    private static double[] Softmax(ReadOnlySpan<float> descending)
    {
        double[] result = new double[descending.Length];
        double sum = 0;
        for (int i = 0; i < result.Length; i++) sum += result[i] = Math.Exp(descending[i] - descending[0]);
        for (int i = 0; i < result.Length; i++) result[i] /= sum;
        return result;
    }

    /// <summary>In [0, 1), a function of seed, sequence and step, so that neither batching nor other sequences change it.</summary>
    private double Uniform(int step) => (SplitMix.At(options.Seed, sequence, step) >> 11) * (1.0 / (1UL << 53));
}
