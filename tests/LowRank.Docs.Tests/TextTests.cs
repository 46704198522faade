using System.Text.RegularExpressions;
using LowRank.TestKit;

namespace LowRank.Docs.Tests;

/// <summary>What the texts say of the repository is so.</summary>
public class TextTests
{
    [Fact]
    public void Relative_links_lead_somewhere()
    {
        var broken = from file in Markdown.Files(".md")
                     from link in Markdown.Links(File.ReadAllText(Path.Combine(Paths.Root, file)))
                     where !Path.Exists(Path.Combine(Paths.Root, Path.GetDirectoryName(file)!, link))
                     select $"{file}: {link}";
        Assert.Empty(broken);
    }

    [Fact]
    public void The_file_tree_shows_every_folder_and_no_other()
    {
        var shown = Tree().ToList();
        Assert.Empty(shown.Where(f => !Directory.Exists(Path.Combine(Paths.Root, f))).Select(f => $"README's file tree shows {f}, which does not exist"));
        Assert.Equal(shown.Count, shown.Distinct().Count());
        var needed = Markdown.Files(".cs", ".csproj", ".targets", ".yaml", ".md").Where(f => f.Contains('/')).SelectMany(f => Folders(f)).Distinct();
        Assert.Empty(needed.Except(shown).Select(f => $"README's file tree lacks {f}"));
    }

    [Fact]
    public void The_readme_counts_the_families()
    {
        int count = LowRank.Models.FamilyTable.ModelTypes.Count();
        Assert.All(Regex.Matches(Markdown.Readme, @"(\d+) families"), m => Assert.Equal($"{count}", m.Groups[1].Value));
        Assert.Contains($" {count} families", Markdown.Readme);
    }

    [Fact]
    public void The_list_of_decisions_is_complete()
    {
        string folder = Path.Combine(Paths.Root, "docs", "adr"), index = File.ReadAllText(Path.Combine(folder, "README.md"));
        string[] files = [.. Directory.EnumerateFiles(folder, "0*.md").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        Assert.Equal(files, Markdown.Links(index).Where(l => l[0] == '0'));
        Assert.Equal(Enumerable.Range(1, files.Length), files.Select(f => int.Parse(f[..4], System.Globalization.CultureInfo.InvariantCulture)));
        foreach (string file in files)
        {
            string text = File.ReadAllText(Path.Combine(folder, file));
            Assert.StartsWith($"# {file[..4]} ", text);
            foreach (string part in (string[])["**Decision.**", "**Why.**", "**Price"]) Assert.Contains(part, text);
        }
    }

    [Fact]
    public void Names_of_files_and_types_in_backticks_exist()
    {
        var sources = Markdown.Files(".cs", ".props", ".targets").ToList();
        var words = sources.SelectMany(f => Regex.Matches(File.ReadAllText(Path.Combine(Paths.Root, f)), @"\b[A-Z]\w+\b").Select(m => m.Value)).ToHashSet();
        foreach (string file in Markdown.Files(".md").Where(f => f is "CONTRIBUTING.md" or "README.md" || f.StartsWith("docs/adr/", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(Path.Combine(Paths.Root, file));
            var paths = Regex.Matches(text, @"`((?:src|tests|samples|configs|docs|build|bench)/[\w./-]+)`").Select(m => m.Groups[1].Value).Where(p => !p.Contains("/X"));
            Assert.Empty(paths.Where(p => !Path.Exists(Path.Combine(Paths.Root, p))).Select(p => $"{file}: {p}"));
            var names = Regex.Matches(text, @"`([A-Z][a-z]+[A-Z]\w+)`").Select(m => m.Groups[1].Value).Where(n => n is not ("XLayer" or "XMethod"));
            Assert.Empty(names.Where(n => !words.Contains(n)).Select(n => $"{file}: there is no {n}"));
        }
    }

    [Fact]
    public void No_file_names_a_machine_or_leaves_work_undone()
    {
        Regex wrong = new(@"\bTO" + @"DO\b|\bFIX" + @"ME\b|NotImplemented" + @"Exception|(?<![\w.])/(home|work|Users)/\w|\b[A-Z]:\\\w");
        var found = from file in Markdown.Files(".cs", ".md", ".yaml", ".csproj", ".targets", ".props", ".slnx", ".txt")
                    let match = wrong.Match(File.ReadAllText(Path.Combine(Paths.Root, file)))
                    where match.Success
                    select $"{file}: {match.Value}";
        Assert.Empty(found);
    }

    /// <summary>The folders that the tree must show for a file: all above it, down to two below src and one below tests and the others.</summary>
    private static IEnumerable<string> Folders(string file)
    {
        string[] parts = file.Split('/')[..^1];
        int depth = parts[0] == "src" ? 3 : 2;
        return Enumerable.Range(1, Math.Min(depth, parts.Length)).Select(n => string.Join('/', parts[..n]));
    }

    /// <summary>README's tree, two blanks a level, a folder's name ending in a slash.</summary>
    private static IEnumerable<string> Tree()
    {
        List<string> path = [];
        foreach (string line in Markdown.Blocks(Markdown.Readme, "text").Single(b => b.Contains("src/\n") || b.Contains("src/ ")).Split('\n'))
        {
            if (Regex.Match(line, @"^((?:  )*)([\w.-]+)/(\s|$)") is not { Success: true } match) continue;
            int level = match.Groups[1].Length / 2;
            path = [.. path.Take(level), match.Groups[2].Value];
            yield return string.Join('/', path);
        }
    }
}
