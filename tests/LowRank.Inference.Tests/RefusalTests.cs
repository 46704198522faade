using LowRank.Tensors;

namespace LowRank.Inference.Tests;

public class RefusalTests
{
    private static BadInputException Refused(GenerationRequest[] requests, GenerationOptions? options = null, bool host = false)
    {
        using var model = Tiny.Load("llama");
        AdapterHost? owner = host ? AdapterHost.Attach(model) : null;
        if (owner is not null) Tiny.AddRandom(owner, "north", 1, "llama");
        var error = Assert.Throws<BadInputException>(() => new Generator(model, null, owner).Generate(requests, options ?? Tiny.Greedy(4)));
        owner?.Detach();
        return error;
    }

    [Fact]
    public void Prompts_that_cannot_be_used()
    {
        Assert.Equal("prompt 2", Refused([new([5]), new([])]).Place);
        var outside = Refused([new([5]), new([5]), new([7, 256])]);
        Assert.Equal(("256", "prompt 3", "0 to 255"), (outside.Value, outside.Place, outside.Expected));
        Assert.Equal("-1", Refused([new([-1])]).Value);
        var tooLong = Refused(Tiny.Prompts(1, 256));
        Assert.Equal(("256 tokens", "fewer than 256"), (tooLong.Value, tooLong.Expected));
    }

    [Fact]
    public void Adapters_that_are_not_there()
    {
        Assert.Contains("none is loaded", Refused([new([5], "nord")]).Message);
        var near = Refused([new([5], "nort")], host: true);
        Assert.Equal(("nort", "prompt 1"), (near.Value, near.Place));
        Assert.Contains("'north'", near.Remedy);
    }

    [Fact]
    public void Options_out_of_range_all_at_once()
    {
        string message = Refused([new([5])], new() { MaxNewTokens = 0, Temperature = -1, TopK = -2, TopP = 0, MinP = 2, RepetitionPenalty = double.NaN, BatchSize = 0, Stop = [""] }).Message;
        Assert.All((string[])["--max-new-tokens", "--temperature", "--top-k", "--top-p", "--min-p", "--repetition-penalty", "--batch-size", "--stop"], o => Assert.Contains(o, message));
    }

    [Fact]
    public void Stop_texts_without_a_tokenizer() => Assert.Equal("--stop", Refused([new([5])], new() { Stop = ["x"] }).Place);
}
