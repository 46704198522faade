using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Cli;

/// <summary>Where every verb loads its model, and says before it does what is worth saying.</summary>
internal static class LoadedModel
{
    /// <summary>Loads a model.</summary>
    /// <param name="path">Folder or file.</param>
    /// <param name="dtype">What it computes in.</param>
    /// <param name="device">Where.</param>
    /// <param name="quantize">How its projections are held.</param>
    /// <param name="adapters">The folders of the adapters that will be on it.</param>
    public static CausalLM Open(string path, ScalarType dtype, Device device, string? quantize, IEnumerable<string> adapters)
    {
        Remark(path, quantize);
        if (HoldsAdapter(path) && !adapters.Any(a => RealPath.Same(RealPath.Of(a), RealPath.Of(path))))
            Output.Notes([$"{path} holds an adapter beside the model, which is not used: give the folder as an adapter to use it."]);
        return ModelLoader.Load(path, dtype, device, quantize);
    }

    /// <summary>Says on standard error what there is to say about holding it so.</summary>
    public static void Remark(string path, string? quantize)
    {
        if (QuantizeChoice.Remark(path, quantize) is { } remark) Output.Line(true, remark);
    }

    /// <summary>Whether a model's folder holds an adapter as well.</summary>
    public static bool HoldsAdapter(string path)
        => Found.At(path).Path is var place && Found.At(place).Kind == FoundKind.Model
            && File.Exists(Path.Combine(place, StoredAdapter.ConfigName));
}
