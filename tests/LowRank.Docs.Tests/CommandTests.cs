using LowRank.Cli;
using LowRank.TestKit;

namespace LowRank.Docs.Tests;

/// <summary>Every command line that a text shows is one that the program understands.</summary>
public class CommandTests
{
    private const string Program = "dotnet run --project src/LowRank.Cli -c Release -- ";

    [Fact]
    public void Commands_in_shell_blocks_parse()
    {
        var commands = Markdown.Files(".md").SelectMany(file => Shell(File.ReadAllText(Path.Combine(Paths.Root, file))).Select(line => (file, line))).ToList();
        Assert.True(commands.Count(c => Arguments(c.line) is not null) >= 10);
        Assert.Empty(commands.Select(c => Fault(c.line) is { } fault ? $"{c.file}: {c.line}: {fault}" : null).OfType<string>());
    }

    [Fact]
    public void Every_verb_is_shown_in_the_readme()
    {
        var shown = Shell(Markdown.Readme).Select(Arguments).OfType<string>().Select(a => a.Split(' ')[0]).ToHashSet();
        Assert.Empty(CommandLine.Root().Subcommands.Select(v => v.Name).Except(shown));
    }

    [Fact]
    public void The_first_line_of_a_recipe_is_its_command()
    {
        foreach (string file in Markdown.Files(".yaml").Where(f => f.StartsWith("configs/", StringComparison.Ordinal) || f.StartsWith("samples/", StringComparison.Ordinal)))
        {
            string line = File.ReadLines(Path.Combine(Paths.Root, file)).First();
            Assert.StartsWith($"# lowrank train --config {file} ", line);
            Assert.Null(Fault(line[2..]));
        }
    }

    [Fact]
    public void An_unknown_option_would_be_found()
    {
        Assert.NotNull(Fault("lowrank train --no-such-option 1"));
        Assert.NotNull(Fault("lowrank no-such-verb"));
        Assert.NotNull(Fault("dotnet test --project tests/No.Such.Tests"));
        Assert.NotNull(Fault("lowrank train --config configs/none.yaml --output x"));
    }

    /// <summary>What is wrong with a command; null: nothing, or it is none that can be told.</summary>
    private static string? Fault(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        foreach (var (option, value) in words.Zip(words.Skip(1)))
            if ((option is "--project" or "--solution" || (option == "--config" && (value.StartsWith("configs/", StringComparison.Ordinal) || value.StartsWith("samples/", StringComparison.Ordinal))))
                && !Path.Exists(Path.Combine(Paths.Root, value))) return $"{value} does not exist";
        if (Arguments(line) is not { } arguments) return null;
        var parsed = CommandLine.Root().Parse(arguments);
        return parsed.Errors.Count == 0 ? null : string.Join("; ", parsed.Errors.Select(e => e.Message));
    }

    /// <summary>What the program would be given; null where the line runs something else.</summary>
    private static string? Arguments(string line)
        => line.StartsWith(Program, StringComparison.Ordinal) ? line[Program.Length..] : line.StartsWith("lowrank ", StringComparison.Ordinal) ? line["lowrank ".Length..] : null;

    /// <summary>The lines of all shell blocks; continued ones joined, comments cut off.</summary>
    private static IEnumerable<string> Shell(string text)
        => Markdown.Blocks(text, "sh").Concat(Markdown.Blocks(text, "bash")).SelectMany(b => b.Replace("\\\n", " ").Split('\n')).Select(l => l.Split(" #")[0].Trim()).Where(l => l.Length > 0 && l[0] != '#');
}
