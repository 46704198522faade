using System.Text.RegularExpressions;

namespace LowRank.Training;

/// <summary>What part of a data set a file is by its name.</summary>
internal enum Split { None, Train, HeldOut, Both }

/// <summary>
/// Tells splits apart as the datasets library does: by the words train, validation and test (and what else they are called) in a file's
/// name, else in the names of its folders; shards "NAME-00000-of-00001"
/// are of the split NAME.
/// </summary>
/// <param name="Split">The part.</param>
/// <param name="Name">What it is called; files of one part have one name. "" for none.</param>
internal sealed partial record SplitName(Split Split, string Name)
{
    private static readonly (string Name, string[] Words)[] HeldOutWords =
    [
        ("validation", ["validation", "valid", "val", "dev"]), ("test", ["test", "testing", "eval", "evaluation"]), ("holdout",
            ["holdout", "heldout", "held-out", "held_out"]),
    ];
    private static readonly string[] TrainWords = ["train", "training"], NoSplits = ["data", "part", "shard", "chunk"];

    /// <summary>Of a path within the folder that was named, with slashes.</summary>
    public static SplitName Of(string path)
    {
        string[] parts = path.Split('/');
        string? shard = ShardOf(path);
        for (int i = parts.Length - 1; i >= 0; i--)
        {
            bool shards = shard is not null && i == parts.Length - 1;
            if (OfPart(shards ? shard! : parts[i]) is { Split: not Split.None } found) return shards ? found with { Name = shard! } : found;
        }
        return new(Split.None, "");
    }

    /// <summary>Whether a shard's name can be a split's beside a shard of the training split; those of one data set all have one.</summary>
    public static bool IsShardOf(string path, out string name) => (name = ShardOf(path) ?? "").Length > 0 && !NoSplits.Contains(name);

    /// <summary>The set that a shard is of (its path up to the number), its number and how many there are; null: it is no shard.</summary>
    public static (string Set, int Number, int Count)? ShardIn(string path)
        => Shard().Match(path[(path.LastIndexOf('/') + 1)..]) is { Success: true } m && int.TryParse(m.Groups[2].Value, out int number)
            && int.TryParse(m.Groups[3].Value, out int count) ? (path[..(path.LastIndexOf('/') + 1)] + m.Groups[1].Value, number, count) : null;

    private static string? ShardOf(string path) => Shard().Match(path[(path.LastIndexOf('/') + 1)..]) is { Success: true } shard
        ? shard.Groups[1].Value : null;

    private static SplitName OfPart(string part)
    {
        bool train = TrainWords.Any(w => Has(part, w));
        string? other = HeldOutWords.FirstOrDefault(h => h.Words.Any(w => Has(part, w))).Name;
        return (train, other) switch { (true, null) => new(Split.Train, "train"), (false, not null) => new(Split.HeldOut, other), (true, _)
            => new(Split.Both, part), _ => new(Split.None, "") };
    }

    // Words end where letters do: "latest" is no test.
    private static bool Has(string part, string word)
    {
        for (int at = 0; (at = part.IndexOf(word, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
            if ((at == 0 || !char.IsLetter(part[at - 1])) && (at + word.Length == part.Length
                || !char.IsLetter(part[at + word.Length]))) return true;
        return false;
    }

    [GeneratedRegex(@"^(.+?)-(\d{5,})-of-(\d{5,})[-.]")]
    private static partial Regex Shard();
}
