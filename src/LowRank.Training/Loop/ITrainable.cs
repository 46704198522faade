using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>One tensor that a run trains.</summary>
/// <param name="Key">Its stable name: PEFT's key of an adapter tensor, or the weight's Hugging Face name.</param>
/// <param name="Tensor">The float32 tensor itself.</param>
/// <param name="IsB">Whether LoRA+ gives it the higher rate.</param>
/// <param name="IsEmbedding">Whether LoRA+ gives it the embedding rate.</param>
public sealed record TrainedTensor(string Key, Tensor Tensor, bool IsB = false, bool IsEmbedding = false);

/// <summary>What a run trains: an adapter over a frozen base, or all weights.</summary>
public interface ITrainable
{
    /// <summary>The tensors, in a fixed order.</summary>
    IReadOnlyList<TrainedTensor> Tensors { get; }
    /// <summary>The adapter that is trained; null where all weights are.</summary>
    Adapter? Adapter { get; }
    /// <summary>Dropout on or off.</summary>
    void SetTraining(bool training);
    /// <summary>Writes the tensors, exactly, into a checkpoint's folder.</summary>
    void Save(string folder);
    /// <summary>The file in a checkpoint's folder that holds every tensor under its key.</summary>
    string WeightsFile(string folder);
    /// <summary>Writes the result into a run folder and returns its path: `adapter/` or `model/`.</summary>
    string SaveResult(string runFolder);
}
