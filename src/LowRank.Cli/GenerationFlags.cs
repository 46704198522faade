using System.CommandLine;
using LowRank.Inference;
using LowRank.Tensors;

namespace LowRank.Cli;

/// <summary>The flags that say how text is generated; `generate`, `chat` and `eval --generate` share them.</summary>
/// <param name="maxNewTokens">The verb's own --max-new-tokens.</param>
/// <param name="several">Whether several texts may be generated together.</param>
internal sealed class GenerationFlags(int maxNewTokens = 128, bool several = true)
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

    /// <summary>All of them.</summary>
    public IEnumerable<Option> All =>
    [
        _maxNewTokens, _temperature, _topK, _topP, _minP, _penalty, _stop, _greedy, _ignoreEnd, .. several ? [_batchSize] : Array.Empty<Option>(),
    ];

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb)
    {
        foreach (var option in All) verb.Options.Add(option);
    }

    /// <summary>What was given about chances where the most likely token is taken.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="greedy">Whether it is taken anyway.</param>
    public IEnumerable<BadInputException> Unused(ParseResult parsed, bool greedy = false)
    {
        double temperature = parsed.GetValue(_temperature);
        if (!greedy && !parsed.GetValue(_greedy) && temperature != 0) return [];
        List<Option> idle = [];
        if (temperature != 0) idle.Add(_temperature);
        if (parsed.GetValue(_topK) != 0) idle.Add(_topK);
        if (parsed.GetValue(_topP) != 1) idle.Add(_topP);
        if (parsed.GetValue(_minP) != 0) idle.Add(_minP);
        return parsed.Unused(greedy ? "Without --temperature the most likely token is taken." : "The most likely token is taken: leave out this, or --greedy and --temperature 0.", idle);
    }

    /// <summary>Whether --temperature was given.</summary>
    public bool GivesTemperature(ParseResult parsed) => parsed.IsGiven(_temperature);

    /// <summary>The options as given.</summary>
    public GenerationOptions Read(ParseResult parsed, CommonOptions common, IReadOnlyList<int> endIds, bool greedy = false) => new()
    {
        MaxNewTokens = parsed.GetValue(_maxNewTokens), Temperature = parsed.GetValue(_temperature), TopK = parsed.GetValue(_topK), TopP = parsed.GetValue(_topP), MinP = parsed.GetValue(_minP),
        RepetitionPenalty = parsed.GetValue(_penalty), Stop = parsed.GetValue(_stop)!, Greedy = greedy || parsed.GetValue(_greedy), Seed = parsed.GetValue(common.Seed),
        BatchSize = several ? parsed.GetValue(_batchSize) : 1, EndIds = parsed.GetValue(_ignoreEnd) ? [] : endIds,
    };
}
