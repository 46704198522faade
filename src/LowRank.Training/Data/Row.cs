namespace LowRank.Training;

/// <summary>One training example as token ids.</summary>
/// <param name="InputIds">The tokens, at least one.</param>
/// <param name="Labels">As long as <paramref name="InputIds"/>: the id where it is a target, -100 where it is not; unshifted (position i's label is predicted from the tokens before i).</param>
public sealed record Row(int[] InputIds, int[] Labels)
{
    /// <summary>The label of a position that is no target.</summary>
    public const int Ignored = -100;

    /// <summary>Where the row stands, "file:line"; null for rows made in code.</summary>
    public string? Place { get; init; }

    /// <summary>The prompt's text; null unless the row was a prompt with a completion.</summary>
    public string? Prompt { get; init; }

    /// <summary>The completion's text; null unless the row was a prompt with a completion.</summary>
    public string? Completion { get; init; }

    /// <summary>How many positions are targets; the first token has no predecessor and is none, whatever its label.</summary>
    public int TargetCount
    {
        get
        {
            int count = 0;
            for (int i = 1; i < Labels.Length; i++) if (Labels[i] != Ignored) count++;
            return count;
        }
    }

    /// <summary>The tokens before the first target: what generation starts from.</summary>
    public ReadOnlySpan<int> PromptIds => InputIds.AsSpan(0, FirstTarget);

    /// <summary>The labels that are targets, in order: what generation should give.</summary>
    public int[] TargetIds => [.. Labels.Skip(FirstTarget).Where(l => l != Ignored)];

    private int FirstTarget
    {
        get
        {
            int i = 1;
            while (i < Labels.Length && Labels[i] == Ignored) i++;
            return Math.Min(i, InputIds.Length);
        }
    }
}
