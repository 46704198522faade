using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>What `quantize` may say about a model's projections, beside the kinds of <see cref="QuantizedKinds"/>. Embeddings, norms and the output layer are never quantised here: what of them the file holds in blocks stays so, but with `none`.</summary>
public static class QuantizeChoice
{
    /// <summary>What the file holds in blocks stays in blocks and is expanded where it is used.</summary>
    public const string Keep = "keep";
    /// <summary>What the file holds in blocks is expanded once, to float32.</summary>
    public const string None = "none";

    /// <summary>Checks a choice before any work is done.</summary>
    /// <param name="choice">keep, none, or a kind.</param>
    /// <param name="place">Where it was given, for messages.</param>
    /// <exception cref="BadInputException">It is none of them.</exception>
    public static void Check(string choice, string place)
    {
        if (choice is Keep or None || QuantizedKinds.Names.Contains(choice)) return;
        string[] all = [Keep, None, .. QuantizedKinds.Names];
        throw new BadInputException("there is no such way to hold the weights", choice, place, "one of " + string.Join(", ", all), NearNames.Sentence(choice, all));
    }
}
