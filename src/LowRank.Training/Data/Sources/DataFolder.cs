using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The files of a folder that are meant as data, in the order of their names, and what is said about the others.</summary>
/// <param name="Files">Paths, at least one.</param>
/// <param name="Notes">A sentence each.</param>
internal sealed record DataFolder(IReadOnlyList<string> Files, IReadOnlyList<string> Notes)
{
    private const int MostNamed = 5;

    /// <summary>Goes through a folder and the folders in it.</summary>
    /// <param name="folder">Its path.</param>
    /// <param name="heldOut">Whether the rows are held out: then the split beside training's is meant.</param>
    /// <exception cref="BadInputException">It holds no data, or it does not say which of them are meant.</exception>
    public static DataFolder List(string folder, bool heldOut)
    {
        try
        {
            List<string> all = [];
            Walk(folder, "", [RealPath.Of(folder)], all);
            all.Sort(StringComparer.Ordinal);
            List<string> written = Written(folder, all);
            all.RemoveAll(n => written.Any(w => n.StartsWith(w, StringComparison.Ordinal)));
            List<string> data = [.. all.Where(n => DataFile.IsKnown(n) && !Companions.Is(n))], others = [.. all.Except(data)];
            foreach (string state in all.Where(n => Path.GetFileName(n) == Companions.State)) Companions.CheckState(folder, state);
            if (data.Count == 0) throw new BadInputException("the folder holds no data files", others.Count + written.Count == 0 ? "nothing"
                : Names([.. others, .. written]), folder, FileKind.Names);
            List<string> notes = [];
            var taken = HubCard.Of(folder, notes)?.Choose(data, heldOut, notes) ?? SplitChoice.Of(folder, data, heldOut, notes);
            CheckKinds(folder, taken);
            CheckShards(folder, taken, data);
            if (others.Count > 0) notes.Add($"{folder}: left out, as they are no rows: {Names(others)}");
            if (written.Count > 0) notes.Add($"{folder}: left out, as LowRank wrote it: {Names(written)}");
            return new([.. taken.Select(n => Path.Combine(folder, n))], notes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the data folder cannot be read: " + e.Message, place: folder, inner: e);
        }
    }

    /// <summary>Some names, and how many more there are.</summary>
    public static string Names(IReadOnlyList<string> names)
        => NameList.Of(names, MostNamed);

    /// <summary>Adds the paths within a folder, with slashes; what is hidden is passed over, and links that lead back to a folder above
    /// them: its files would come again and again.</summary>
    /// <param name="folder">Where it begins.</param>
    /// <param name="inside">The folder in it, with a slash behind; "": itself.</param>
    /// <param name="above">The real paths of that and of the folders above.</param>
    /// <param name="names">Takes the paths.</param>
    private static void Walk(string folder, string inside, List<string> above, List<string> names)
    {
        EnumerationOptions options = new() { AttributesToSkip = FileAttributes.Hidden, IgnoreInaccessible = false };
        string at = Path.Combine(folder, inside);
        names.AddRange(Directory.EnumerateFiles(at, "*", options).Select(f => inside + Path.GetFileName(f)));
        foreach (string below in Directory.EnumerateDirectories(at, "*", options))
            if (RealPath.Of(below) is var real && !above.Contains(real))
                Walk(folder, $"{inside}{Path.GetFileName(below)}/", [.. above, real], names);
    }

    // Runs, models and adapters among the data, with a slash behind: their logs and settings are no rows. One in another goes with it.
    private static List<string> Written(string folder, IEnumerable<string> names)
    {
        List<string> written = [];
        foreach (string inside in names.SelectMany(Folders).Distinct().Order(StringComparer.Ordinal))
        {
            bool known = written.Any(w => inside.StartsWith(w, StringComparison.Ordinal));
            if (!known && FolderMarker.KindOf(Path.Combine(folder, inside)) is not null) written.Add(inside);
        }
        return written;

        static IEnumerable<string> Folders(string name)
            => Enumerable.Range(0, name.Length).Where(i => name[i] == '/').Select(i => name[..(i + 1)]);
    }

    /// <summary>All shards of a set that is taken are there.</summary>
    private static void CheckShards(string folder, IReadOnlyList<string> taken, IReadOnlyList<string> data)
    {
        foreach (var (set, count) in taken.Select(SplitName.ShardIn).OfType<(string Set, int Number, int Count)>()
            .Select(s => (s.Set, s.Count)).Distinct())
        {
            var there = data.Select(SplitName.ShardIn).OfType<(string Set, int Number, int Count)>()
                .Where(s => s.Set == set && s.Count == count).Select(s => s.Number).ToHashSet();
            var missing = Enumerable.Range(there.Contains(count) ? 1 : 0, count).Where(i => !there.Contains(i)).Take(MostNamed).ToList();
            if (missing.Count > 0)
                throw new BadInputException("shards of the data are missing",
                    string.Join(", ", missing.Select(i => $"{set}-{i:D5}-of-{count:D5}")), folder, $"all {count} shards of {set}",
                    "Add them, or name the files that are meant one by one.");
        }
    }

    /// <summary>One kind of file only, and no file twice: another kind may be another set of data, or the same once more.</summary>
    private static void CheckKinds(string folder, IReadOnlyList<string> names)
    {
        if (names.GroupBy(DataFile.Uncompressed).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new BadInputException("the folder holds a file twice, once compressed", string.Join(" and ", twice), folder, "each once",
                "Name the file that is meant.");
        var kinds = names.GroupBy(n => new DataFile(Path.Combine(folder, n)).Family).ToList();
        if (kinds.Count < 2) return;
        throw new BadInputException("the folder holds data of several kinds", string.Join("; ",
            kinds.Select(k => $"{k.Key}: {Names([.. k])}")), folder, "files of one kind",
            "Name the files that are meant, or all of them in a list (`data: [A, B]`).");
    }
}
