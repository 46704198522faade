using LowRank.Tensors;

namespace LowRank.Inference.Tests;

/// <summary>A kept prefix changes the time, never the tokens.</summary>
public class PrefixCacheTests
{
    [Theory]
    [InlineData("llama", true)]
    [InlineData("mistral", true)]        // a sliding window of 8
    [InlineData("gemma3", true)]
    [InlineData("gpt2", true)]
    [InlineData("qwen3-moe", true)]
    [InlineData("llama-dynamic", false)] // frequencies that depend on the length: nothing is kept
    [InlineData("phi3-longrope", false)]
    public void Turns_of_a_conversation_are_as_without_it(string name, bool reuses)
    {
        using var model = Tiny.Load(name);
        var generator = new Generator(model, null);
        using var prefix = new PrefixCache();
        int[] more = Tiny.Prompts(4, 5)[0].PromptIds, prompt = Tiny.Prompts(3, 7)[0].PromptIds;
        for (int turn = 0; turn < 3; turn++)
        {
            var expected = generator.Generate([new(prompt)], Tiny.Greedy(4)).Single();
            var answer = generator.Generate([new(prompt)], Tiny.Greedy(4), prefix: prefix).Single();
            Assert.Equal(expected.Ids, answer.Ids);
            Assert.Equal(turn == 0 || !reuses ? 0 : prompt.Length - more.Length - 1, prefix.Reused); // the last new token was never fed
            prompt = [.. prompt, .. answer.Ids, .. more];
        }
        // Another conversation shares its beginning only; the same prompt again computes its last token.
        int[] other = [.. prompt[..5], .. more];
        Assert.Equal(generator.Generate([new(other)], Tiny.Greedy(4)).Single().Ids, generator.Generate([new(other)], Tiny.Greedy(4), prefix: prefix).Single().Ids);
        Assert.Equal(generator.Generate([new(other)], Tiny.Greedy(4)).Single().Ids, generator.Generate([new(other)], Tiny.Greedy(4), prefix: prefix).Single().Ids);
        Assert.Equal(reuses ? other.Length - 1 : 0, prefix.Reused);
    }

    [Fact]
    public void Other_adapters_or_strengths_compute_anew()
    {
        using var model = Tiny.Load("llama");
        var host = AdapterHost.Attach(model);
        Tiny.AddRandom(host, "a", 1, "llama");
        var generator = new Generator(model, null, host);
        using var prefix = new PrefixCache();
        var prompt = Tiny.Prompts(3, 9);
        List<int[]> answers = [];
        foreach (double strength in (double[])[0, 1, 1, 0.5, 0])
        {
            host.Activate(("a", strength));
            var expected = generator.Generate(prompt, Tiny.Greedy(8)).Single().Ids;
            Assert.Equal(expected, generator.Generate(prompt, Tiny.Greedy(8), prefix: prefix).Single().Ids);
            answers.Add([.. expected]);
            Assert.Equal(answers.Count == 3 ? 8 : 0, prefix.Reused);
        }
        Assert.NotEqual(answers[0], answers[1]);
        host.Detach();
    }

    [Fact]
    public void A_name_given_to_other_weights_computes_anew()
    {
        using var model = Tiny.Load("llama");
        var host = AdapterHost.Attach(model);
        var generator = new Generator(model, null, host);
        using var prefix = new PrefixCache();
        int[] ids = Tiny.Prompts(3, 9)[0].PromptIds;
        List<int[]> answers = [];
        foreach (ulong seed in (ulong[])[1, 2, 2])
        {
            if (host.Adapters.ContainsKey("a")) host.Delete("a");
            Tiny.AddRandom(host, "a", seed, "llama");
            host.Activate();
            GenerationRequest[] prompt = [new(ids, "a")];
            var expected = generator.Generate(prompt, Tiny.Greedy(8)).Single().Ids;
            Assert.Equal(expected, generator.Generate(prompt, Tiny.Greedy(8), prefix: prefix).Single().Ids);
            answers.Add([.. expected]);
            Assert.Equal(answers.Count == 3 ? 8 : 0, prefix.Reused); // the same weights again
        }
        Assert.NotEqual(answers[0], answers[1]);
        using (host.Disabled())
        {
            GenerationRequest[] prompt = [new(ids, "a")];
            Assert.Equal(generator.Generate([new(ids)], Tiny.Greedy(8)).Single().Ids, generator.Generate(prompt, Tiny.Greedy(8), prefix: prefix).Single().Ids);
        }
        host.Detach();
    }

    [Theory]
    [InlineData("disabled")]
    [InlineData("changed in place")]
    [InlineData("merged")]
    public void Whatever_else_changes_what_adapters_do_computes_anew(string how)
    {
        using var model = Tiny.Load("llama");
        var host = AdapterHost.Attach(model);
        Tiny.AddRandom(host, "a", 1, "llama");
        host.Activate(("a", 1));
        var generator = new Generator(model, null, host);
        using var prefix = new PrefixCache();
        var prompt = Tiny.Prompts(3, 9);
        generator.Generate(prompt, Tiny.Greedy(8), prefix: prefix);
        using var scope = how == "disabled" ? host.Disabled() : null;
        if (how == "merged") host.Merge();
        if (how == "changed in place")
            using (TorchSharp.torch.no_grad())
                foreach (var parameter in host.Adapters["a"].Parameters) parameter.Parameter.mul_(Scalars.Two);
        var expected = generator.Generate(prompt, Tiny.Greedy(8)).Single().Ids;
        Assert.Equal(expected, generator.Generate(prompt, Tiny.Greedy(8), prefix: prefix).Single().Ids);
        Assert.Equal(0, prefix.Reused);
        scope?.Dispose();
        host.Detach();
    }

    [Fact]
    public void The_same_adapter_merged_again_in_another_form_computes_anew()
    {
        using var model = Tiny.Load("llama");
        var host = AdapterHost.Attach(model);
        Tiny.AddRandom(host, "a", 1, "llama");
        host.Activate(("a", 1));
        var generator = new Generator(model, null, host);
        using var prefix = new PrefixCache();
        var prompt = Tiny.Prompts(3, 9);
        List<int> reused = [];
        foreach (var into in (MergeInto?[])[null, MergeInto.Kind("nf4"), MergeInto.Kind("nf4")])
        {
            host.Merge(into);
            foreach (int _ in (int[])[1, 2])
            {
                var expected = generator.Generate(prompt, Tiny.Greedy(8)).Single().Ids;
                Assert.Equal(expected, generator.Generate(prompt, Tiny.Greedy(8), prefix: prefix).Single().Ids);
                reused.Add(prefix.Reused);
            }
            host.Unmerge();
        }
        Assert.Equal([0, 8, 0, 8, 0, 8], reused);
        host.Detach();
    }

    [Fact]
    public void What_acts_cannot_be_changed_during_a_generation()
    {
        using var model = Tiny.Load("llama");
        var host = AdapterHost.Attach(model);
        Tiny.AddRandom(host, "a", 1, "llama");
        var generator = new Generator(model, Text.Tokenizer.FromFile(GreedyTests.TokenizerFile()), host);
        var prompt = Tiny.Prompts(3, 9);
        var expected = generator.Generate(prompt, Tiny.Greedy(8)).Single().Ids;
        int refused = 0;
        var got = generator.Generate(prompt, Tiny.Greedy(8), (_, _) =>
        {
            Assert.Contains("a generation", Assert.Throws<InvalidOperationException>(() => host.Activate()).Message);
            refused++;
        }).Single().Ids;
        Assert.True(refused > 0);
        Assert.Equal(expected, got);
        host.Activate();
        Assert.NotEqual(expected, generator.Generate(prompt, Tiny.Greedy(8)).Single().Ids);
        host.Detach();
    }

    [Fact]
    public void A_stopped_answer_leaves_a_usable_prefix()
    {
        using var model = Tiny.Load("llama");
        var generator = new Generator(model, Text.Tokenizer.FromFile(GreedyTests.TokenizerFile()));
        using var prefix = new PrefixCache();
        using var stop = new CancellationTokenSource();
        var prompt = Tiny.Prompts(8, 6);
        var cut = generator.Generate(prompt, Tiny.Greedy(50), (_, _) => stop.Cancel(), stop.Token, prefix).Single();
        Assert.Equal("cancelled", cut.FinishReason);
        int[] next = [.. prompt[0].PromptIds, .. cut.Ids, 65, 66];
        Assert.Equal(generator.Generate([new(next)], Tiny.Greedy(9)).Single().Ids, generator.Generate([new(next)], Tiny.Greedy(9), prefix: prefix).Single().Ids);
        Assert.True(prefix.Reused > 0);
    }
}
