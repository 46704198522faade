using System.Text.RegularExpressions;
using LowRank.Tensors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace LowRank.Training;

/// <summary>What the README.md of a data set says about its files: configurations, each with patterns for the files of its
/// splits.</summary>
/// <param name="Folder">The data set's folder.</param>
/// <param name="Configurations">Each name with its splits and their patterns, at least one.</param>
internal sealed record HubCard(
    string Folder, IReadOnlyList<(string Name, IReadOnlyList<(string Split, string Pattern)> Files)> Configurations)
{
    private const string FileName = "README.md", Fence = "---", Usual = "default";

    /// <summary>A folder's card; null where there is none or it names no files. A head that cannot be read is noted.</summary>
    public static HubCard? Of(string folder, List<string> notes)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path) || FileType.OtherThanFile(path) is not null) return null;
        string[] lines = File.ReadAllLines(path);
        int end = lines.Length > 0 && lines[0].TrimEnd() == Fence ? Array.FindIndex(lines, 1, l => l.TrimEnd() == Fence) : -1;
        if (end < 0) return null;
        try
        {
            var yaml = YamlText.Load(string.Join('\n', lines[1..end]));
            if (yaml.Documents is not [{ RootNode: YamlMappingNode root }, ..] || Value(root,
                "configs") is not YamlSequenceNode list) return null;
            List<(string, IReadOnlyList<(string, string)>)> all = [.. list.OfType<YamlMappingNode>().Select(c
                => (Text(Value(c, "config_name")) ?? Usual, (IReadOnlyList<(string, string)>)Files(c)))
                .Where(c => c.Item2.Count > 0).OrderByDescending(c => c.Item1 == Usual)];
            return all.Count == 0 ? null : new(folder, all);
        }
        catch (Exception e) when (e is YamlException or InvalidOperationException)
        {
            notes.Add($"{path}: its head is no YAML, and what it may say of the files is not known: {e.Message}");
            return null;
        }
    }

    /// <summary>The files of the split that is meant, by the card alone.</summary>
    public IReadOnlyList<string> Choose(IReadOnlyList<string> data, bool heldOut, List<string> notes)
    {
        string place = Path.Combine(Folder, FileName);
        if (Configurations.Count > 1 && Configurations[0].Name != Usual)
            throw new BadInputException("the data set has several configurations", string.Join(", ", Configurations.Select(c => c.Name)),
                place, "one of them", "Name the files that are meant.");
        var parts = Configurations[0].Files.GroupBy(f => f.Split)
            .Select(g => (Split: Named(g.Key), Files: (IReadOnlyList<string>)[.. data.Where(n => g.Any(f => Matches(n,
                f.Pattern)))])).ToList();
        if (parts.Find(p => p.Files.Count == 0) is { Split: { } empty })
            throw new BadInputException($"README.md names files of the split {empty.Name} that are not there", string.Join(", ",
                Configurations[0].Files.Where(f => f.Split == empty.Name).Select(f => f.Pattern)), place,
                remedy: "Fetch the data set again, or name the files that are meant.");
        var taken = SplitChoice.Take(Folder, parts, heldOut, notes);
        List<string> unnamed = [.. data.Except(parts.SelectMany(p => p.Files))];
        if (unnamed.Count > 0) notes.Add($"{Folder}: left out, as README.md does not name them: {DataFolder.Names(unnamed)}");
        return taken;
    }

    // A split is another one than training's whatever it is called.
    private static SplitName Named(string split) => SplitName.Of(split) is { Split: Split.Train } ? new(Split.Train, split)
        : new(Split.HeldOut, split);

    private static List<(string Split, string Pattern)> Files(YamlMappingNode configuration) => Value(configuration, "data_files") switch
    {
        null when Text(Value(configuration, "data_dir")) is { } folder => [("train", folder.TrimEnd('/') + "/**")],
        YamlMappingNode map => [.. map.Children.SelectMany(c => Paths(c.Value).Select(p => (Text(c.Key) ?? "", p)))],
        YamlSequenceNode list when list.All(i => i is YamlMappingNode)
            => [.. list.Cast<YamlMappingNode>().SelectMany(i => Paths(Value(i, "path")).Select(p
            => (Text(Value(i, "split")) ?? "train", p)))],
        var other => [.. Paths(other).Select(p => ("train", p))],
    };

    private static IEnumerable<string> Paths(YamlNode? node) => node is YamlSequenceNode list ? list.Select(Text).OfType<string>()
        : Text(node) is { } one ? [one] : [];

    private static YamlNode? Value(YamlMappingNode map, string key) => map.Children.FirstOrDefault(c => Text(c.Key) == key).Value;

    private static string? Text(YamlNode? node) => node is YamlScalarNode { Value: { Length: > 0 } text } ? text : null;

    // As the hub's patterns are: ** any folders, * within a name.
    private static bool Matches(string path, string pattern)
    {
        string expression = Regex.Escape(pattern.StartsWith("./", StringComparison.Ordinal) ? pattern[2..] : pattern).Replace(@"\*\*/",
            "(.*/)?").Replace(@"\*\*", ".*").Replace(@"\*", "[^/]*").Replace(@"\?", "[^/]");
        return Regex.IsMatch(path, $"^{expression}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }
}
