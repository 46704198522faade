using LowRank.Tensors;

namespace LowRank.Cli;

/// <summary>Turns what --model says into a path.</summary>
internal static class ModelPlace
{
    /// <summary>Where the embedded models lie.</summary>
    public static string Assets => Path.Combine(AppContext.BaseDirectory, "Assets");

    /// <summary>Names of the models that the program carries.</summary>
    public static IReadOnlyList<string> Embedded => Directory.Exists(Assets) ? [.. Directory.EnumerateDirectories(Assets).Where(d => File.Exists(Path.Combine(d, "config.json"))).Select(d => Path.GetFileName(d)!)] : [];

    /// <summary>The folder of an embedded model.</summary>
    public static string OfEmbedded(string name) => Path.Combine(Assets, name);

    /// <summary>The folder or file of a model.</summary>
    /// <param name="model">A path, or an embedded model's name.</param>
    /// <param name="place">Where that was given.</param>
    /// <exception cref="BadInputException">Nothing of that name is there.</exception>
    public static string Of(string model, string place = "--model")
    {
        var found = Found.At(model);
        if (File.Exists(model) || found.Kind == FoundKind.Model) return model;
        if (Embedded.Contains(model)) return OfEmbedded(model); // also where a folder of that name holds something else
        if (found.Kind != FoundKind.Nothing) return found.Path; // perhaps just a tokenizer; what is missing is told by whoever needs it
        throw new BadInputException("there is no such model", model, place, $"a Hugging Face folder, a .gguf file, or an embedded model ({string.Join(", ", Embedded)})", NearNames.Sentence(model, Embedded));
    }
}
