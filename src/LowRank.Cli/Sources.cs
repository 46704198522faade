using LowRank.Tensors;
using LowRank.Training;

namespace LowRank.Cli;

/// <summary>What a command reads, by the user's words: no output is written over any of it, nor into it.</summary>
internal static class Sources
{
    /// <summary>What settings name.</summary>
    public static IEnumerable<OutputSource> Of(RunSettings settings)
    {
        if (settings.Model.Length > 0) yield return new(ModelPlace.Of(settings.Model), "the model");
        foreach (var source in settings.Data) yield return new(source.Path, "the data");
        foreach (var source in settings.EvalData ?? new DataSources()) yield return new(source.Path, "the held-out data");
        if (settings.InitAdapter is { } adapter) yield return new(adapter, "the adapter to start from");
        if (settings.ChatTemplate is { } template && File.Exists(template)) yield return new(template, "the chat template");
    }

    /// <summary>A model and adapters.</summary>
    public static IEnumerable<OutputSource> Of(string model, IEnumerable<(string Path, double Strength)> adapters)
        => [new(ModelPlace.Of(model), "the model"), .. adapters.Select(a => new OutputSource(a.Path, "the adapter"))];

    /// <summary>A file that an option names; none where it is not given.</summary>
    public static IEnumerable<OutputSource> OfFile(string? path, string what) => path is null ? [] : [new(path, what)];
}
