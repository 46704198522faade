using System.CommandLine;
using LowRank.Inference;

namespace LowRank.Cli;

/// <summary>The flags that say how text is generated; `generate`, `chat` and `eval --generate` share them.</summary>
internal sealed class GenerationFlags(int maxNewTokens = 128)
{
    private readonly Option<int> _maxNewTokens = new("--max-new-tokens") { Description = "new tokens at most", DefaultValueFactory = _ => maxNewTokens };
    private readonly Option<double> _temperature = new("--temperature") { Description = "divides the logits; 0 is greedy", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _topK = new("--top-k") { Description = "only the k most likely tokens; 0: all" };
    private readonly Option<double> _topP = new("--top-p") { Description = "only the most likely tokens that together reach p", DefaultValueFactory = _ => 1 };
    private readonly Option<double> _minP = new("--min-p") { Description = "only tokens at least p times as likely as the most likely" };
    private readonly Option<double> _penalty = new("--repetition-penalty") { Description = "above 1: less repetition", DefaultValueFactory = _ => 1 };
    private readonly Option<string[]> _stop = new("--stop") { Description = "a text that ends the generation; repeatable", DefaultValueFactory = _ => [] };
    private readonly Option<bool> _greedy = new("--greedy") { Description = "always the most likely token" };
    private readonly Option<bool> _ignoreEnd = new("--ignore-eos") { Description = "do not stop at the end token" };
    private readonly Option<int> _batchSize = new("--batch-size") { Description = "prompts computed together at most", DefaultValueFactory = _ => 32 };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb)
    {
        foreach (var option in (Option[])[_maxNewTokens, _temperature, _topK, _topP, _minP, _penalty, _stop, _greedy, _ignoreEnd, _batchSize]) verb.Options.Add(option);
    }

    /// <summary>Whether --temperature was given.</summary>
    public bool GivesTemperature(ParseResult parsed) => parsed.GetResult(_temperature) is { Implicit: false };

    /// <summary>The options as given.</summary>
    public GenerationOptions Read(ParseResult parsed, CommonOptions common, IReadOnlyList<int> endIds, bool greedy = false) => new()
    {
        MaxNewTokens = parsed.GetValue(_maxNewTokens), Temperature = parsed.GetValue(_temperature), TopK = parsed.GetValue(_topK), TopP = parsed.GetValue(_topP), MinP = parsed.GetValue(_minP),
        RepetitionPenalty = parsed.GetValue(_penalty), Stop = parsed.GetValue(_stop)!, Greedy = greedy || parsed.GetValue(_greedy), Seed = parsed.GetValue(common.Seed),
        BatchSize = parsed.GetValue(_batchSize), EndIds = parsed.GetValue(_ignoreEnd) ? [] : endIds,
    };
}
