using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>The table of what a matrix can be quantised to here, by name.</summary>
public static class QuantizedKinds
{
    /// <summary>All names: nf4, fp4, nf4-double, fp4-double, int8, q4_0, ...</summary>
    public static IReadOnlyCollection<string> Names => throw new NotImplementedException();

    /// <summary>Checks a name before any work is done.</summary>
    /// <exception cref="BadInputException">No such kind; lists them.</exception>
    public static void Check(string kind, string? place = null) => throw new NotImplementedException();

    /// <summary>Quantises a matrix [rows, columns] of any float dtype.</summary>
    /// <param name="kind">One of <see cref="Names"/>.</param>
    /// <param name="source">The matrix.</param>
    /// <param name="place">What it is, for messages (the parameter's name).</param>
    /// <exception cref="BadInputException">No such kind, or the columns are no whole number of blocks.</exception>
    public static QuantizedWeight Quantize(string kind, Tensor source, string? place = null) => throw new NotImplementedException();

    /// <summary>
    /// The parameter `X.weight` of a checkpoint in whichever quantised form its companions say (bitsandbytes 4 and 8 bit, float8, GPTQ, AWQ; any block type of a GGUF file);
    /// null where it is plain or absent. A view of the source, valid while it is open.
    /// </summary>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static QuantizedWeight? Read(IWeightSource source, string name) => throw new NotImplementedException();
}
