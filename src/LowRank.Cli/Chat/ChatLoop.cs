using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Cli.Chat;

/// <summary>Turn after turn: from a terminal with prompts and notices, or from redirected input, a line a turn.</summary>
internal sealed class ChatLoop(Conversation conversation, TextReader input, bool interactive, bool json, bool quiet)
{
    private const string Quotes = "\"\"\"";
    private CancellationTokenSource? _answering;
    private bool _left, _asked, _interrupted;

    /// <summary>What was said.</summary>
    public Conversation Conversation => conversation;

    /// <summary>Runs to the end of the input; the exit code.</summary>
    /// <exception cref="BadInputException">A line of redirected input is wrong; on a terminal it is told and the conversation goes on.</exception>
    public int Run()
    {
        CommandLine.OnInterrupt = Interrupted;
        try
        {
            while (!_left && !_interrupted && ReadTurn() is { } text)
            {
                _asked = false;
                if (string.IsNullOrWhiteSpace(text)) continue;
                try { Handle(text); }
                catch (BadInputException e) when (interactive) { Console.Error.WriteLine("error: " + e.Message); }
            }
        }
        finally { CommandLine.OnInterrupt = null; }
        if (json) Output.Json(new JsonObject { ["messages"] = conversation.Messages(), ["turns"] = new JsonArray([.. conversation.Turns.Select(t => (JsonNode)t.ToJson())]) });
        return _interrupted ? 130 : 0;
    }

    /// <summary>Says something and shows the answer as it comes.</summary>
    public void Say(string text)
    {
        using var answering = _answering = new CancellationTokenSource();
        ChatTurn turn;
        try { turn = conversation.Say(text, Show, answering.Token); }
        finally { _answering = null; }
        if (!json) Console.Out.WriteLine();
        if (turn.FinishReason == "cancelled") Notice(turn.Text.Length == 0 ? "(stopped before anything was said; the question is taken back)" : "(stopped)");
        if (turn.FinishReason == "length") Notice(turn.NewTokens < conversation.MaxNewTokens ? "(cut: the model cannot read a longer conversation; /reset begins a new one)" : $"(cut after {turn.NewTokens} tokens; --max-new-tokens allows more)");
    }

    /// <summary>A line for the person, not part of the answers.</summary>
    public void Notice(string text)
    {
        if (!quiet) Console.Error.WriteLine(text);
    }

    /// <summary>A line that was asked for.</summary>
    public static void Tell(string text) => Console.Error.WriteLine(text);

    /// <summary>Ends after this line.</summary>
    public void Leave() => _left = true;

    private void Handle(string text)
    {
        if (text.StartsWith("//", StringComparison.Ordinal)) Say(text[1..]);
        else if (text[0] == '/') ChatCommands.Obey(this, text);
        else Say(text);
    }

    private void Show(string piece)
    {
        if (json) return;
        Console.Out.Write(piece);
        Console.Out.Flush();
    }

    // Lines joined by a backslash at their ends, or a block between three quotes and three quotes.
    private string? ReadTurn()
    {
        if (ReadLine("> ") is not { } line) return null;
        if (line.TrimStart().StartsWith(Quotes, StringComparison.Ordinal)) return ReadBlock(line.TrimStart()[Quotes.Length..]);
        while (line.EndsWith('\\') && ReadLine(". ") is { } next) line = line[..^1] + "\n" + next;
        return line;
    }

    private string ReadBlock(string first)
    {
        List<string> block = [];
        for (string? line = first; line is not null; line = ReadLine(". "))
        {
            bool last = line.TrimEnd().EndsWith(Quotes, StringComparison.Ordinal);
            block.Add(last ? line.TrimEnd()[..^Quotes.Length] : line);
            if (last) break;
        }
        return string.Join('\n', block).Trim('\n');
    }

    private string? ReadLine(string prompt)
    {
        if (interactive) Console.Error.Write(prompt);
        try { return input.ReadLine(); }
        catch (System.Text.DecoderFallbackException e)
        {
            throw new BadInputException("the input is not UTF-8", place: "chat", remedy: "Give it as UTF-8.", inner: e);
        }
    }

    // On the thread of the signal.
    private bool Interrupted()
    {
        if (!interactive)
        {
            bool first = !_interrupted;
            _interrupted = true;
            _answering?.Cancel();
            return first && _answering is not null;
        }
        if (_answering is { IsCancellationRequested: false } answering)
        {
            answering.Cancel();
            return true;
        }
        if (_asked || _answering is not null) return false;
        _asked = true;
        Console.Error.Write("\nPress Ctrl-C again to leave.\n> ");
        return true;
    }
}
