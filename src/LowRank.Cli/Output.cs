using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;
using Spectre.Console;

namespace LowRank.Cli;

/// <summary>Where things are printed: results to standard output (one JSON document with --json), progress and logs to standard error.</summary>
internal static class Output
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The terminal for people; on standard error, so that results can be redirected.</summary>
    public static IAnsiConsole Terminal { get; } = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Whether a person watches standard error.</summary>
    public static bool IsInteractive => !Console.IsErrorRedirected && Terminal.Profile.Capabilities.Interactive;

    /// <summary>Prints one JSON document.</summary>
    /// <exception cref="BadInputException">Nothing can be written there.</exception>
    public static void Json(JsonNode node)
    {
        try { Console.Out.WriteLine(node.ToJsonString(Format)); }
        catch (IOException e)
        {
            throw new BadInputException("standard output cannot be written: " + e.Message.TrimEnd('.'), inner: e);
        }
    }

    /// <summary>A line for people: to standard output, or to standard error where that is for JSON.</summary>
    public static void Line(bool json, string text = "") => (json ? Console.Error : Console.Out).WriteLine(text);

    /// <summary>What a person should know besides, to standard error.</summary>
    public static void Notes(IEnumerable<string> notes)
    {
        foreach (string note in notes) Console.Error.WriteLine("note: " + note);
    }

    /// <summary>What a person should know of how texts are written, unless --quiet is given.</summary>
    public static void Notices(TextConventions? texts, bool quiet)
    {
        if (texts is null || quiet) return;
        foreach (string notice in texts.Notices) Console.Error.WriteLine(notice);
    }

    /// <summary>Says where a file is that stood in an output's place and was none of LowRank's.</summary>
    public static void Kept(OutputPlace? held)
    {
        if (held?.Kept is { } kept) Notes([$"the file that stood there is none of the kind that was written: it is kept as {kept}"]);
    }

    /// <summary>Says that the tokenizer of a GGUF base has no exact form in a folder.</summary>
    /// <param name="model">The base.</param>
    /// <param name="why">What it has that a folder cannot say; null: it has one, and nothing is said.</param>
    public static void NoTokenizer(string model, string? why)
    {
        if (why is null) return;
        Line(true, $"The folder has no tokenizer: {why}. Put the tokenizer's files of {model}'s original repository into it.");
    }

    /// <summary>A JSON number of bytes for people, whatever kind of number it is held as.</summary>
    public static string Bytes(JsonNode? bytes) => bytes is null ? "-" : Bytes(double.Parse(bytes.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Bytes for people.</summary>
    public static string Bytes(double bytes) => ByteSize.Show(bytes);

    /// <summary>A text of data as it may be printed: it must not steer the terminal.</summary>
    public static string Safe(string text)
    {
        if (!text.Any(Steers)) return text;
        var safe = new StringBuilder(text.Length);
        foreach (char c in text) safe.Append(Steers(c) ? (c < ' ' ? (char)('\u2400' + c) : '\uFFFD') : c);
        return safe.ToString();
    }

    private static bool Steers(char c) => char.IsControl(c) && c is not ('\n' or '\t');
}
