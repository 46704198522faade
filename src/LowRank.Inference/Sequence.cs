using System.Diagnostics;
using System.Text;
using LowRank.Text;

namespace LowRank.Inference;

/// <summary>One prompt on its way: its tokens, its sampler, its streamed text, and why it ended.</summary>
internal sealed class Sequence(int index, GenerationRequest request, GenerationOptions options, Tokenizer? tokenizer, int maxPositions)
{
    private readonly StreamingDecoder? _decoder = tokenizer?.NewStream(skipSpecialTokens: true);
    private readonly Sampler _sampler = new(options, index);
    private readonly StringBuilder _text = new();
    private readonly List<int> _tokens = [.. request.PromptIds];
    private long _start, _first, _last;
    private int _shown;

    /// <summary>The prompt's number.</summary>
    public int Index => index;
    /// <summary>The request.</summary>
    public GenerationRequest Request => request;
    /// <summary>Prompt and new tokens.</summary>
    public IReadOnlyList<int> Tokens => _tokens;
    /// <summary>Why it ended; null while it goes on.</summary>
    public string? FinishReason { get; private set; }

    /// <summary>Starts the clock: its batch begins.</summary>
    public void Begin() => _start = _first = _last = Stopwatch.GetTimestamp();

    /// <summary>Takes the next token from logits [V] (overwritten); returns the text that can be shown now.</summary>
    public string Advance(Span<float> logits)
    {
        int made = _tokens.Count - request.PromptIds.Length;
        int id = _sampler.Next(logits, _tokens, made);
        _last = Stopwatch.GetTimestamp();
        if (made == 0) _first = _last;
        _tokens.Add(id);
        if (options.EndIds.Contains(id)) return Finish("stop");
        if (_decoder is not null) _text.Append(_decoder.Push(id));
        if (StopText() is { } at)
        {
            _text.Length = at;
            return Finish("stop", flush: false);
        }
        if (made + 1 >= options.MaxNewTokens || _tokens.Count >= maxPositions) return Finish("length");
        return Show(_text.Length - HeldBack());
    }

    /// <summary>The result, once finished or given up.</summary>
    public GenerationResult Result() => new(_tokens[request.PromptIds.Length..], tokenizer is null ? null : _text.ToString(), FinishReason ?? "cancelled", request.PromptIds.Length,
        Stopwatch.GetElapsedTime(_start, _first).TotalSeconds, Stopwatch.GetElapsedTime(_first, _last).TotalSeconds);

    private string Finish(string reason, bool flush = true)
    {
        FinishReason = reason;
        if (flush && _decoder is not null) _text.Append(_decoder.End());
        if (flush && StopText() is { } at) _text.Length = at;
        return Show(_text.Length);
    }

    private string Show(int upTo)
    {
        if (upTo <= _shown) return "";
        string piece = _text.ToString(_shown, upTo - _shown);
        _shown = upTo;
        return piece;
    }

    // Where the first stop text begins; what was shown cannot hold one.
    private int? StopText()
    {
        if (options.Stop.Count == 0) return null;
        string text = _text.ToString();
        int[] places = [.. options.Stop.Select(s => text.IndexOf(s, _shown, StringComparison.Ordinal)).Where(i => i >= 0)];
        return places.Length == 0 ? null : places.Min();
    }

    /// <summary>How many characters at the end may yet turn out to begin a stop text.</summary>
    private int HeldBack()
    {
        if (options.Stop.Count == 0) return 0;
        string text = _text.ToString();
        return options.Stop.SelectMany(s => Enumerable.Range(1, Math.Max(0, s.Length - 1)).Where(n => n <= text.Length && text.EndsWith(s[..n], StringComparison.Ordinal))).DefaultIfEmpty(0).Max();
    }
}
