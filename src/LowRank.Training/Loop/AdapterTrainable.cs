using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Trains an adapter; the base stays frozen.</summary>
public sealed class AdapterTrainable : ITrainable
{
    private readonly CausalLM _model;
    private readonly Adapter _adapter;
    private readonly Action<string>? _companions;

    /// <summary>Trains <paramref name="adapter"/>, which is attached to and active on <paramref name="model"/>.</summary>
    /// <param name="model">The base.</param>
    /// <param name="adapter">What is trained.</param>
    /// <param name="companions">Writes what belongs beside the adapter, such as its chat template, into its folder; null: nothing.</param>
    public AdapterTrainable(CausalLM model, Adapter adapter, Action<string>? companions = null)
    {
        (_model, _adapter, _companions) = (model, adapter, companions);
        Tensors = [.. adapter.Parameters.Select(p => new TrainedTensor(p.Key, p.Parameter, p.Role is ParameterRole.B, p.Role is ParameterRole.EmbeddingA or ParameterRole.EmbeddingB))];
        if (Tensors.Count == 0) throw new BadInputException("the adapter has nothing to train", place: "adapter");
    }

    /// <inheritdoc/>
    public IReadOnlyList<TrainedTensor> Tensors { get; }

    /// <inheritdoc/>
    public Adapter? Adapter => _adapter;

    /// <inheritdoc/>
    public void SetTraining(bool training)
    {
        _model.train(training);
        _adapter.SetTraining(training);
    }

    /// <inheritdoc/>
    public void Save(string folder) => _adapter.Save(Path.Combine(folder, RunFolder.Adapter), overwrite: true, _companions);

    /// <inheritdoc/>
    public string WeightsFile(string folder) => Path.Combine(folder, RunFolder.Adapter, "adapter_model.safetensors");

    /// <inheritdoc/>
    public string SaveResult(string runFolder)
    {
        Save(runFolder);
        return Path.Combine(runFolder, RunFolder.Adapter);
    }
}
