using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>Which side of a text is cut off or filled.</summary>
public enum Side
{
    /// <summary>The end.</summary>
    Right,
    /// <summary>The beginning.</summary>
    Left,
}

/// <summary>Which sequence of a pair is cut.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, then both.</summary>
    LongestFirst,
    /// <summary>The first.</summary>
    OnlyFirst,
    /// <summary>The second; a text without one that is too long is an error.</summary>
    OnlySecond,
}

/// <summary>Cuts token sequences to a length.</summary>
/// <param name="MaxLength">The most tokens, special tokens among them.</param>
/// <param name="Strategy">Which sequence of a pair is cut.</param>
/// <param name="Direction">The side that is cut off.</param>
/// <param name="Stride">How many tokens a further window would share with the one before; only its bounds matter here, since the first window alone is kept.</param>
public sealed record Truncation(int MaxLength, TruncationStrategy Strategy = TruncationStrategy.LongestFirst, Side Direction = Side.Right, int Stride = 0)
{
    // Cuts the sequences so that they and as many special tokens fit.
    internal void Apply(IReadOnlyList<EncodingPart> sequences, int specialTokens)
    {
        int most = MaxLength - specialTokens, first = sequences[0].Ids.Count, second = sequences.Count > 1 ? sequences[1].Ids.Count : 0, excess = first + second - most;
        if (most < 0) throw new BadInputException("the special tokens alone are longer than a text may be", $"{specialTokens}", expected: $"at most max_length {MaxLength}");
        if (excess <= 0) return;
        if (most == 0)
        {
            foreach (var sequence in sequences) sequence.Keep(0, 0);
            return;
        }
        switch (Strategy)
        {
            case TruncationStrategy.LongestFirst when sequences.Count == 1:
                Cut(sequences[0], most);
                break;
            case TruncationStrategy.LongestFirst:
                var (shorter, longer) = Share(Math.Min(first, second), most);
                Cut(sequences[0], first <= second ? shorter : longer);
                Cut(sequences[1], first <= second ? longer : shorter);
                break;
            default:
                int at = Strategy == TruncationStrategy.OnlyFirst ? 0 : 1;
                if (at == sequences.Count) throw new BadInputException("only the second sequence may be cut, and there is none", $"{first} tokens", expected: $"at most {most}");
                int length = sequences[at].Ids.Count;
                if (length <= excess) throw new BadInputException("the sequence that may be cut is too short to make the pair fit", $"{length} tokens", expected: $"more than {excess}");
                Cut(sequences[at], length - excess);
                break;
        }
    }

    // The lengths of the shorter and the longer of a pair.
    private static (int Shorter, int Longer) Share(int shorter, int most)
    {
        int longer = shorter > most ? shorter : Math.Max(shorter, most - shorter);
        return shorter + longer > most ? (most / 2, most / 2 + most % 2) : (shorter, longer);
    }

    private void Cut(EncodingPart part, int length)
    {
        int count = part.Ids.Count;
        if (count <= length) return;
        if (length > 0 && Stride >= length) throw new BadInputException("the truncation's stride is not below the length that is left", $"{Stride}", expected: $"less than {length}");
        part.Keep(Direction == Side.Right ? 0 : count - length, length);
    }
}
