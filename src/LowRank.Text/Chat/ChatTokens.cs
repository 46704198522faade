namespace LowRank.Text.Chat;

/// <summary>A conversation as tokens.</summary>
/// <param name="Ids">The ids.</param>
/// <param name="AssistantMask">1 for the tokens that an assistant's turn consists of, else 0; as many as ids.</param>
/// <param name="Text">The rendered text.</param>
public sealed record ChatTokens(int[] Ids, int[] AssistantMask, string Text)
{
    /// <summary>Remarks of messages that the template does not read.</summary>
    public IReadOnlyList<string> Unused { get; init; } = [];
}

/// <summary>Which of the assistant's turns are trained on.</summary>
public enum AssistantTurns
{
    /// <summary>All of them.</summary>
    All,
    /// <summary>Only the last one: what comes before is as the model will see it, even where a template writes earlier turns differently.</summary>
    Last,
}
