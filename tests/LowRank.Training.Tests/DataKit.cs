using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.Chat;

namespace LowRank.Training.Tests;

/// <summary>What the tests of data share: files written and read again, and an encoder of one id a character.</summary>
internal static class DataKit
{
    /// <summary>200 begins a text, 201 ends it; a message is "u", "a", "s" or "t" (its role), its content, and 201.</summary>
    public static readonly TokenEncoder Letters = new((text, special) => [.. special ? new[] { 200 } : [], .. text.Select(c => (int)c)], 201, 1 << 16) { Chat = Guarded, Identity = "one id a character" };

    private static ChatTokens Guarded(LowRank.Text.Templates.ChatRequest request, bool assistantOnly)
    {
        try { return Chat(request, assistantOnly); }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException or ArgumentException) { throw new BadInputException(e.Message); }
    }

    private static ChatTokens Chat(LowRank.Text.Templates.ChatRequest request, bool assistantOnly)
    {
        List<int> ids = [], mask = [];
        void Add(string text, bool said)
        {
            foreach (char c in text) (ids, mask).Add((c, said ? 1 : 0));
        }
        if (request.Tools is { } tools) Add("T" + tools.GetArrayLength(), !assistantOnly);
        bool[] counted = TurnWeight.Counted(request.Messages!.Value, assistantOnly);
        foreach (var (i, message) in request.Messages!.Value.EnumerateArray().Index())
        {
            string role = message.GetProperty("role").GetString()!;
            bool said = counted[i] && (role == "assistant" || !assistantOnly);
            Add(role[..1], said && !assistantOnly);
            if (message.TryGetProperty("content", out var content)) Add(content.ValueKind == JsonValueKind.Array
                ? string.Concat(content.EnumerateArray().Select(p => p.GetProperty("text").GetString())) : content.GetString()!, said);
            if (message.TryGetProperty("tool_calls", out var calls)) Add(calls[0].GetProperty("function").GetProperty("name").GetString()!,
                said);
            Add("\u00C9", said); // 201
        }
        if (request.AddGenerationPrompt) Add("a", !assistantOnly);
        return new ChatTokens([.. ids], [.. mask], "");
    }

    private static void Add(this (List<int> Ids, List<int> Mask) lists, (int Id, int Mask) token)
    {
        lists.Ids.Add(token.Id);
        lists.Mask.Add(token.Mask);
    }

    /// <summary>What becomes of one row of JSON.</summary>
    public static RowOutcome Made(string json, DataOptions? options = null, TokenEncoder? encoder = null)
        => new RowMaker(options ?? new DataOptions(""), encoder ?? Letters,
            1 << 16).Make(new RawRow(new DataFile("x.jsonl"), 1, Encoding.UTF8.GetBytes(json)));

    /// <summary>What becomes of a file's rows.</summary>
    public static List<RowOutcome> MadeOf(string path)
        => [.. new RowMaker(new DataOptions(path), Letters, 1 << 16).Make(DataFile.Of(path).SelectMany(f => f.Rows()))];

    /// <summary>A row of JSON as <see cref="Show"/> has it, or what is wrong with it behind "!".</summary>
    public static string Shown(string json, DataOptions? options = null, TokenEncoder? encoder = null)
        => Made(json, options, encoder) is { Row: { } row } ? Show(row) : "!" + Made(json, options, encoder).Error!.Message;

    /// <summary>Ids as text, targets in brackets: "u2+2?[a4É]"; 200 is ^, 201 is É.</summary>
    public static string Show(Row row)
    {
        var text = new StringBuilder();
        for (int i = 0; i < row.InputIds.Length; i++)
        {
            bool target = row.Labels[i] != Row.Ignored, before = i > 0 && row.Labels[i - 1] != Row.Ignored;
            if (target != before) text.Append(target ? '[' : ']');
            text.Append(row.InputIds[i] == 200 ? '^' : (char)row.InputIds[i]);
        }
        return text.Append(row.Labels[^1] != Row.Ignored ? "]" : "").ToString();
    }

    public static string Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    public static string Write(string name, byte[] content)
    {
        string path = Path.Combine(Paths.Temporary(), name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    public static byte[] Gzip(byte[] content) => Through(content, s => new GZipStream(s, CompressionLevel.Fastest, leaveOpen: true));
    public static byte[] Zstd(byte[] content) => Through(content, s => new ZstdSharp.CompressionStream(s, leaveOpen: true));

    private static byte[] Through(byte[] content, Func<Stream, Stream> wrap)
    {
        var packed = new MemoryStream();
        using (var stream = wrap(packed)) stream.Write(content);
        return packed.ToArray();
    }

    /// <summary>The rows of a file as it holds them.</summary>
    public static List<(string Place, JsonNode Json)> Raw(string path) => [.. DataFile.Of(path).SelectMany(f => f.Rows()).Select(r => (r.Place[(Path.GetDirectoryName(path)!.Length + 1)..], JsonNode.Parse(r.Json.Span)!))];

    public static BadInputException Refused(string path) => Assert.Throws<BadInputException>(() => Raw(path));
}
