using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Cli.Chat;

/// <summary>The lines that begin with a slash, a table: name, what follows it, what it does.</summary>
internal static class ChatCommands
{
    private static readonly Command[] Table =
    [
        new("/adapter", "NAME[=SCALE] ... | off", "answer with these adapters only; a folder is loaded; alone: say which act", (loop, text) => Adapter(loop, text)),
        new("/scale", "X | NAME=X", "the strength of the active adapters, or of one: 0 is the base, 1 as trained", (loop, text) => { loop.Conversation.Adapters.Scale(Needed(text, "/scale", "a number")); loop.Notice($"Answering: {loop.Conversation.Adapters}."); }),
        new("/system", "TEXT", "set the system message; alone: take it away", (loop, text) => { loop.Conversation.System = text.Length == 0 ? null : text; loop.Notice(text.Length == 0 ? "No system message." : "System message set."); }),
        new("/reset", "", "forget what was said; the system message and the adapters stay", (loop, _) => { loop.Conversation.Reset(); loop.Notice("A new conversation."); }),
        new("/undo", "", "take the last question and its answer back", (loop, _) => loop.Notice(loop.Conversation.Undo() is { } text ? $"Taken back: {text}" : "Nothing was said yet.")),
        new("/retry", "", "answer the last question anew", (loop, _) => Retry(loop)),
        new("/history", "", "show what was said", (loop, _) => { foreach (var m in loop.Conversation.Messages()) ChatLoop.Tell($"{m!["role"]}: {m["content"]}"); }),
        new("/save", "FILE.jsonl", "add the conversation to a file as a row to train on", (loop, text) => Save(loop, Needed(text, "/save", "a file's name"))),
        new("/help", "", "show this", (_, _) => Help()),
        new("/exit", "", "leave; so do /quit and the end of the input", (loop, _) => loop.Leave()),
        new("/quit", "", null, (loop, _) => loop.Leave()),
    ];

    /// <summary>Obeys a line.</summary>
    /// <exception cref="BadInputException">There is no such command, or it cannot be obeyed.</exception>
    public static void Obey(ChatLoop loop, string line)
    {
        int blank = line.IndexOfAny([' ', '\t', '\n']);
        string name = blank < 0 ? line : line[..blank], rest = blank < 0 ? "" : line[(blank + 1)..].Trim();
        var command = Table.FirstOrDefault(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new BadInputException("there is no such command", name, "chat", string.Join(", ", Table.Where(c => c.Help is not null).Select(c => c.Name)), $"{NearNames.Sentence(name, Table.Select(c => c.Name))} Begin with // to say something that begins with a slash.".Trim());
        if (command.Takes.Length == 0 && rest.Length > 0) throw new BadInputException("the command takes nothing", rest, command.Name);
        command.Act(loop, rest);
    }

    private static void Help()
    {
        foreach (var c in Table.Where(c => c.Help is not null)) ChatLoop.Tell($"  {c.Name + " " + c.Takes,-33} {c.Help}");
        ChatLoop.Tell("""
              A line that ends in \ goes on in the next one; what stands between three quotes and three quotes is one turn.
              Ctrl-C stops an answer and keeps what was said; twice, it leaves.
            """);
    }

    private static void Adapter(ChatLoop loop, string text)
    {
        var adapters = loop.Conversation.Adapters;
        if (text.Length > 0) adapters.Use(text);
        loop.Notice($"Answering: {adapters}." + (text.Length > 0 ? "" : $" Loaded: {adapters.Loaded}."));
    }

    private static void Retry(ChatLoop loop)
    {
        if (loop.Conversation.Undo() is { } text) loop.Say(text);
        else loop.Notice("Nothing was said yet.");
    }

    // Rows that are there stay; the file is written aside and renamed.
    private static void Save(ChatLoop loop, string path)
    {
        if (loop.Conversation.IsEmpty) throw new BadInputException("nothing was said yet", place: "/save");
        if (Directory.Exists(path)) throw new BadInputException("a folder stands where the file would be", path, "/save", "a file's name");
        string before = File.Exists(path) ? TextFile.Read(path) : "";
        if (before.Split('\n').LastOrDefault(l => l.Length > 0) is { } last && !IsRow(last))
            throw new BadInputException("the file holds no rows that one could be added to", last.Length > 40 ? last[..40] + "..." : last, path, "a JSON object a line");
        if (before.Length > 0 && !before.EndsWith('\n')) before += "\n";
        string row = new JsonObject { ["messages"] = loop.Conversation.Messages() }.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        AtomicFile.WriteText(path, before + row + "\n");
        loop.Notice($"Saved as row {before.Count(c => c == '\n') + 1} of {path}.");
    }

    private static bool IsRow(string line)
    {
        try { return JsonNode.Parse(line) is JsonObject; }
        catch (System.Text.Json.JsonException) { return false; }
    }

    private static string Needed(string text, string name, string what) => text.Length > 0 ? text : throw new BadInputException("the command needs something behind it", place: name, expected: what);

    private sealed record Command(string Name, string Takes, string? Help, Action<ChatLoop, string> Act);
}
