using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Which split of a folder is meant: for training the training split, for held-out rows the one beside it.</summary>
internal static class SplitChoice
{
    private const string Remedy = "Name the file or folder that is meant.";

    /// <summary>The names that are taken; a note tells of the others.</summary>
    public static IReadOnlyList<string> Of(string folder, IReadOnlyList<string> data, bool heldOut, List<string> notes)
    {
        var files = data.Select(n => (Path: n, Split: SplitName.Of(n))).ToList();
        if (files.Any(f => f.Split.Split == Split.Train && SplitName.IsShardOf(f.Path, out _)))
            files = [.. files.Select(f => f.Split.Split == Split.None && SplitName.IsShardOf(f.Path, out string other) ? (f.Path,
                new SplitName(Split.HeldOut, other)) : f)];
        if (files.FirstOrDefault(f => f.Split.Split == Split.Both) is { Path: { } both }) throw new BadInputException("a name that tells of both training and held-out rows", both, folder, remedy: Remedy);
        return Take(folder, [.. files.GroupBy(f => f.Split).Select(g => (g.Key, (IReadOnlyList<string>)[.. g.Select(f => f.Path)]))],
            heldOut, notes);
    }

    /// <summary>Of parts with their files.</summary>
    public static IReadOnlyList<string> Take(string folder, IReadOnlyList<(SplitName Split, IReadOnlyList<string> Files)> parts,
        bool heldOut, List<string> notes)
    {
        var wanted = parts.Where(p => p.Split.Split == (heldOut ? Split.HeldOut : Split.Train)).ToList();
        if (wanted.Count == 0 && !heldOut) wanted = [.. parts.Where(p => p.Split.Split == Split.None)];
        if (wanted.Count == 0 && heldOut) wanted = [.. parts]; // held out as a whole
        if (wanted.Count == 0) throw new BadInputException("the folder has no training split", Show(parts), folder, "a split named train",
            Remedy);
        if (wanted.Count > 1)
            throw new BadInputException($"the folder has several {(heldOut ? "" : "training ")}splits", Show(wanted), folder,
                "one of them", Remedy);
        var others = parts.Where(p => p.Split != wanted[0].Split).ToList();
        if (others.Count > 0) notes.Add($"{folder}: {Name(wanted[0].Split)} is taken ({DataFolder.Names(wanted[0].Files)}); left out: {Show(others)}");
        return wanted[0].Files;
    }

    private static string Show(IEnumerable<(SplitName Split, IReadOnlyList<string> Files)> parts) => string.Join("; ",
        parts.Select(p => $"{Name(p.Split)}: {DataFolder.Names(p.Files)}"));

    private static string Name(SplitName split) => split.Name.Length == 0 ? "what has no split's name" : split.Name;
}
