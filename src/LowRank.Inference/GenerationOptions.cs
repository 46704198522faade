using LowRank.Tensors;

namespace LowRank.Inference;

/// <summary>How text is generated.</summary>
public sealed record GenerationOptions
{
    /// <summary>New tokens at most.</summary>
    public int MaxNewTokens { get; init; } = 128;
    /// <summary>Always the most likely token; the settings below but the repetition penalty do not matter then.</summary>
    public bool Greedy { get; init; }
    /// <summary>Logits are divided by this before the softmax; 0 is greedy.</summary>
    public double Temperature { get; init; } = 1;
    /// <summary>Only the k most likely tokens; 0: all.</summary>
    public int TopK { get; init; }
    /// <summary>Only the smallest set of most likely tokens whose probabilities reach p; 1: all.</summary>
    public double TopP { get; init; } = 1;
    /// <summary>Only tokens at least p times as likely as the most likely one; 0: all.</summary>
    public double MinP { get; init; }
    /// <summary>Logits of tokens that occurred are divided by this if positive, else multiplied (Keskar et al., CTRL, 2019); 1: not.</summary>
    public double RepetitionPenalty { get; init; } = 1;
    /// <summary>Texts that end the generation; they are not part of the result.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];
    /// <summary>Tokens that end the generation; they are part of the ids, not of the text.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];
    /// <summary>What the random choices are a function of, together with a prompt's number.</summary>
    public long Seed { get; init; }
    /// <summary>Prompts computed together at most.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Whether the most likely token is taken.</summary>
    public bool IsGreedy => Greedy || Temperature == 0;

    /// <summary>Throws for values out of range, all at once.</summary>
    public void Check()
    {
        ArgumentNullException.ThrowIfNull(Stop);
        ArgumentNullException.ThrowIfNull(EndIds);
        List<BadInputException> errors = [];
        void Demand(bool holds, string name, double value, string expected)
        {
            if (!holds) errors.Add(new BadInputException("a value out of range", value.ToString(System.Globalization.CultureInfo.InvariantCulture), name, expected));
        }
        Demand(MaxNewTokens > 0, "--max-new-tokens", MaxNewTokens, "1 or more");
        Demand(Temperature >= 0 && double.IsFinite(Temperature), "--temperature", Temperature, "0 or more");
        Demand(TopK >= 0, "--top-k", TopK, "0 (all) or more");
        Demand(TopP is > 0 and <= 1, "--top-p", TopP, "above 0, at most 1");
        Demand(MinP is >= 0 and <= 1, "--min-p", MinP, "0 to 1");
        Demand(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), "--repetition-penalty", RepetitionPenalty, "above 0");
        Demand(BatchSize > 0, "--batch-size", BatchSize, "1 or more");
        if (Stop.Any(string.IsNullOrEmpty))
            errors.Add(new BadInputException("a stop text is empty", "", "--stop", "at least one character"));
        if (errors.Count > 0) throw BadInputException.All("the generation settings cannot be used", errors);
    }
}

/// <summary>One prompt.</summary>
/// <param name="PromptIds">Its tokens, at least one.</param>
/// <param name="Adapter">The one adapter for this row, at strength 1; null: whatever is active on the host.</param>
public sealed record GenerationRequest(int[] PromptIds, string? Adapter = null);

/// <summary>What was generated for one prompt.</summary>
/// <param name="Ids">New tokens, an end token included.</param>
/// <param name="Text">Their text without special tokens and stop text; null without a tokenizer.</param>
/// <param name="FinishReason">`stop` (an end token or a stop text), `length`, or `cancelled` where it was ended early.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="PrefillSeconds">From the start of its batch to its first token.</param>
/// <param name="DecodeSeconds">From its first token to its last.</param>
public sealed record GenerationResult(IReadOnlyList<int> Ids, string? Text, string FinishReason, int PromptTokens, double PrefillSeconds, double DecodeSeconds);
