using LowRank;
using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRankDocs;

internal static class AnyModule
{
    /// <summary>README's library example; gives the losses at its start and end and the largest change that a save, load and merge made to the answer.</summary>
    public static (double Before, double After, double Change) Run()
    {
        // README: from here
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var model = nn.Sequential(("in", nn.Linear(1, 64)), ("act", nn.Tanh()), ("out", nn.Linear(64, 1))); // any module
        var x = linspace(-3, 3, 200).reshape(200, 1);
        var y = x.sin();

        var host = AdapterHost.Attach(model); // freezes the model; its layers stay what they are
        var adapter = host.Add("sine", new LoraConfig { Rank = 4, Alpha = 8, TargetModules = Selector.AllLinear }, seed: 1);
        double before = nn.functional.mse_loss(model.call(x), y).item<float>(), after = before;

        Tensor[] weights = [.. adapter.Parameters.Select(p => p.Parameter)];
        Tensor[] first = [.. weights.Select(w => zeros_like(w))], second = [.. weights.Select(w => zeros_like(w))], steps = [.. weights.Select(_ => zeros(1))];
        for (int step = 0; step < 200; step++)
        {
            using var temporary = NewDisposeScope(); // frees this step's tensors
            var loss = nn.functional.mse_loss(model.call(x), y);
            foreach (var weight in weights) weight.grad?.zero_();
            loss.backward();
            Ops.AdamW(weights, [.. weights.Select(w => w.grad!)], first, second, steps, learningRate: 0.02, beta1: 0.9, beta2: 0.999, weightDecay: 0, epsilon: 1e-8);
            after = loss.item<float>();
        }

        var adapted = model.call(x);
        adapter.Save("sine-adapter"); // a PEFT folder
        host.Delete("sine");
        host.Load("again", "sine-adapter");
        host.Activate(("again", 1)); // 0 is the base, 0.5 half way
        host.Merge(); // folded into the weights; Unmerge() gives the old bits back
        var merged = model.call(x);
        host.Detach();
        // README: to here
        return (before, after, merged.sub(adapted).abs().max().item<float>());
    }
}
