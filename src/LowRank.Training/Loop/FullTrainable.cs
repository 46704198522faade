using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Trains all weights of a model (`adapter: null`), as float32 masters.</summary>
public sealed class FullTrainable : ITrainable
{
    private readonly CausalLM _model;
    private readonly ScalarType? _saved;
    private readonly Action<string>? _companions;

    /// <summary>Makes every weight of <paramref name="model"/> trainable; the result is written in <paramref name="saved"/> (null: as each weight was stored).</summary>
    /// <param name="model">The model.</param>
    /// <param name="saved">The result's dtype.</param>
    /// <param name="companions">Writes what belongs beside the result, such as its chat template, into its folder; null: nothing.</param>
    public FullTrainable(CausalLM model, ScalarType? saved = null, Action<string>? companions = null)
    {
        (_model, _saved, _companions) = (model, saved, companions);
        model.MakeTrainable();
        Tensors = [.. model.Weights().Select(w => new TrainedTensor(w.Name, w.Parameter))];
    }

    /// <inheritdoc/>
    public IReadOnlyList<TrainedTensor> Tensors { get; }

    /// <inheritdoc/>
    public Adapter? Adapter => null;

    /// <summary>Why the result has not the tokenizer of the GGUF file that the model came from; null where it has, or where there is none.</summary>
    public string? NoTokenizer { get; private set; }

    /// <inheritdoc/>
    public void SetTraining(bool training) => _model.train(training);

    /// <inheritdoc/>
    public void Save(string folder) => SafetensorsWriter.Write(WeightsFile(folder), [.. Tensors.Select(t => (t.Key, t.Tensor))]);

    /// <inheritdoc/>
    public string WeightsFile(string folder) => Path.Combine(folder, "weights.safetensors");

    /// <inheritdoc/>
    public string SaveResult(string runFolder)
    {
        string path = Path.Combine(runFolder, RunFolder.Model);
        ModelWriter.Save(_model, path, _saved, overwrite: true, extra: folder =>
        {
            NoTokenizer = GgufTokenizerFolder.Write(_model.Source, folder);
            _companions?.Invoke(folder);
        });
        return path;
    }
}
