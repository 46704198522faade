using System.Text.Json.Nodes;
using LowRank.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>A pass's summed loss, and the gradients by their keys.</summary>
internal sealed record Pass(double Loss, Dictionary<string, float[]> Gradients);

/// <summary>A row of <see cref="FastLaw"/>, made ready: a model and an adapter with random values on it.</summary>
internal sealed class FastLawRow : IDisposable
{
    private const double Weight = 1 / 37.0;

    private readonly CausalLM _model;
    private readonly AdapterHost _host;
    private readonly Adapter _adapter;
    private readonly AdapterTrainable _trainable;

    public FastLawRow(string model, string adapter, ScalarType dtype, bool rounded = false, int? rank = null, bool begun = false)
    {
        _model = FastLaw.Load(model, dtype, rounded);
        var config = (JsonObject)FastLaw.Adapters[adapter].DeepClone();
        if (rank is not null) (config["r"], config["lora_alpha"]) = (rank, 1);
        if (begun) config["init_lora_weights"] = true;
        KeepWhatItHas(config, _model);
        _host = AdapterHost.Attach(_model);
        _adapter = _host.Add("a", LoraConfig.FromJson(config), 3, _model.Spec.ModelType);
        _host.Activate(("a", 1));
        _trainable = new AdapterTrainable(_model, _adapter);
        _trainable.SetTraining(true);
        Assert.Null(FastStep.Refusal(_model, _adapter, new RunSettings()));
    }

    // One configuration is for all families: names that this model has not are left out, which an adapter that is made refuses.
    internal static void KeepWhatItHas(JsonObject config, CausalLM model)
    {
        string[] paths = [.. model.named_modules().Select(m => m.name)];
        bool Has(string name) => paths.Any(p => p == name || p.EndsWith("." + name, StringComparison.Ordinal));
        if (config["target_modules"] is JsonArray targets)
            config["target_modules"] = new JsonArray([.. targets.Select(t => (string)t!).Where(Has).Select(t => (JsonNode)t)]);
        foreach (string key in (string[])["rank_pattern", "alpha_pattern"])
            if (config[key] is JsonObject patterns)
                config[key] = new JsonObject(patterns.Where(p => Has(p.Key) && (config["target_modules"] is not JsonArray named || named.Any(t => (string)t! == p.Key)))
                    .Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));
    }

    public DecoderSpec Spec => _model.Spec;

    public FastStep ByHand() => new(_model, _adapter);

    public TrainingStep Plain(bool checkpointing = false) => new(_model, seed: 1, checkpointing);

    /// <summary>The batches' passes, added up from no gradients.</summary>
    public Pass Run(IMicroStep step, params Batch[] batches)
    {
        foreach (var t in _trainable.Tensors) t.Tensor.grad = null;
        TargetSums sums = default;
        foreach (var batch in batches) sums += step.Run(batch, Weight, 0);
        Assert.Equal(batches.Sum(b => b.TargetTokens), sums.Targets);
        using var scope = NewDisposeScope();
        return new(sums.Loss, _trainable.Tensors.ToDictionary(t => t.Key, t => t.Tensor.grad is { } g ? g.clone().data<float>().ToArray() : new float[t.Tensor.NumberOfElements]));
    }

    /// <summary>The base's bytes.</summary>
    public byte[][] BaseBytes() => [.. _model.Weights().Select(w => w.Parameter.bytes.ToArray())];

    public void Dispose()
    {
        _host.Detach();
        _model.Dispose();
    }
}
