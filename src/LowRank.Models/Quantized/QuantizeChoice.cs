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
        ArgumentNullException.ThrowIfNull(choice);
        ArgumentNullException.ThrowIfNull(place);
        if (choice is Keep or None || QuantizedKinds.Names.Contains(choice)) return;
        string[] all = [Keep, None, .. QuantizedKinds.Names];
        throw new BadInputException("there is no such way to hold the weights", choice, place, "one of " + string.Join(", ", all), NearNames.Sentence(choice, all));
    }

    /// <summary>
    /// What is worth telling before a model is loaded so: that its projections are in blocks of about as few bits already, and would be
    /// rounded a second time for next to nothing. Null: nothing.
    /// Reads headers only.
    /// </summary>
    /// <param name="path">The model's folder or file.</param>
    /// <param name="choice">keep, none, a kind, or null.</param>
    /// <exception cref="BadInputException">The model cannot be opened.</exception>
    public static string? Remark(string path, string? choice)
    {
        ArgumentNullException.ThrowIfNull(path);
        const double little = 1.3; // less than a quarter is saved
        if (choice is null or Keep or None || !QuantizedKinds.Names.Contains(choice)) return null;
        var model = ModelLoader.Describe(path);
        string[] tables = [.. new[] { model.Spec.Names.Embedding, model.Spec.Names.PositionEmbedding,
            model.Spec.Names.Head }.OfType<string>().Select(n => n + ".weight")];
        var blocks = model.Tensors.Where(t => t.Shape.Length == 2 && !SafetensorsDType.IsPlain(t.DType)
            && !t.DType.Equals(choice, StringComparison.OrdinalIgnoreCase)
            && !tables.Any(n => t.Name == n || t.Name.EndsWith("." + n, StringComparison.Ordinal))).ToList();
        if (blocks.Count == 0) return null;
        double held = blocks.Sum(t => t.Bytes) * 8.0 / blocks.Sum(t => t.Elements), made = QuantizedKinds.Bits(choice);
        if (held > little * made) return null;
        string Said(FormattableString text) => FormattableString.Invariant(text);
        string saved = made >= held ? "takes no less memory" : Said($"saves {100 * (1 - made / held):0} % of their memory");
        string kinds = string.Join(", ", blocks.Select(t => t.DType.ToLowerInvariant()).Distinct());
        return Said($"{path}: its projections are in blocks of {held:0.0} bits a number already ({kinds}); {choice} ({made:0.0} bits) rounds them ")
            + $"a second time and {saved}. --quantize keep holds them as they are.";
    }
}
