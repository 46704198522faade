using LowRank.Models;
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
    public static CausalLM Open(string path, ScalarType dtype, Device device, string? quantize)
    {
        Remark(path, quantize);
        return ModelLoader.Load(path, dtype, device, quantize);
    }

    /// <summary>Says on standard error what there is to say about holding it so.</summary>
    public static void Remark(string path, string? quantize)
    {
        if (QuantizeChoice.Remark(path, quantize) is { } remark) Output.Line(true, remark);
    }
}
