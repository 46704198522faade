using System.Text.Json.Nodes;
using LowRank.TestKit;
using LowRank.Text.Models;

namespace LowRank.Text.Tests;

/// <summary>Writes SentencePiece files, field by field.</summary>
internal static class SentencePieceBytes
{
    /// <summary>What a file says besides its pieces.</summary>
    public sealed record Settings(
        int Kind = 1, bool? ByteFallback = null, bool? DummyPrefix = null, bool? RemoveExtra = null, bool? Escape = null, bool? Suffix = null, byte[]? Charsmap = null, string? Bos = null);

    /// <summary>The file.</summary>
    public static byte[] Of(IEnumerable<Piece> pieces, Settings settings)
    {
        var file = new List<byte>();
        foreach (var piece in pieces)
            file.AddRange(Message(1, [.. Message(1, System.Text.Encoding.UTF8.GetBytes(piece.Text)), 0x15, .. BitConverter.GetBytes(piece.Score), .. piece.Kind == PieceKind.Normal ? [] : Number(3, (int)piece.Kind)]));
        file.AddRange(Message(2, [.. Message(2, "prefix"u8), .. Number(3, settings.Kind), .. Flag(24, settings.Suffix), .. Flag(35, settings.ByteFallback), .. settings.Bos is null ? [] : Message(46, System.Text.Encoding.UTF8.GetBytes(settings.Bos))]));
        file.AddRange(Message(3, [.. Message(1, "name"u8), .. settings.Charsmap is null ? [] : Message(2, settings.Charsmap), .. Flag(3, settings.DummyPrefix), .. Flag(4, settings.RemoveExtra), .. Flag(5, settings.Escape)]));
        return [.. file];
    }

    /// <summary>Writes it and says where.</summary>
    public static string Write(byte[] bytes)
    {
        string path = Path.Combine(Paths.Temporary(), "tokenizer.model");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>The tokenizer of such a file.</summary>
    public static Tokenizer Tokenizer(IEnumerable<Piece> pieces, Settings settings)
    {
        var parts = SentencePieceFile.Read(Write(Of(pieces, settings)), out var roles);
        return new Tokenizer(parts, roles);
    }

    /// <summary>The JSON of a committed golden tokenizer.</summary>
    public static JsonNode Golden(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json")))!;

    /// <summary>The pieces that a golden BPE stands for: the earlier learnt, the higher the score.</summary>
    public static List<Piece> OfBpe(JsonNode root)
    {
        var rank = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var merge in root["model"]!["merges"]!.AsArray())
            rank.TryAdd(merge is JsonArray pair ? $"{pair[0]}{pair[1]}" : merge!.GetValue<string>().Replace(" ", "", StringComparison.Ordinal), rank.Count);
        var control = root["added_tokens"]!.AsArray().Select(t => t!["content"]!.GetValue<string>()).ToHashSet();
        return [.. root["model"]!["vocab"]!.AsObject().OrderBy(p => p.Value!.GetValue<int>()).Select(p => new Piece(p.Key, -rank.GetValueOrDefault(p.Key, 0), KindOf(p.Key, control)))];
    }

    /// <summary>The pieces of a golden Unigram.</summary>
    public static List<Piece> OfUnigram(JsonNode root)
    {
        var control = root["added_tokens"]!.AsArray().Select(t => t!["content"]!.GetValue<string>()).ToHashSet();
        return [.. root["model"]!["vocab"]!.AsArray().Select(p => new Piece(p![0]!.GetValue<string>(), (float)p[1]!.GetValue<double>(), KindOf(p[0]!.GetValue<string>(), control)))];
    }

    /// <summary>The texts of a golden's cases that hold none of its added tokens and are not pairs.</summary>
    public static List<(string Text, int[] Ids)> Cases(string name)
    {
        var cases = JsonNode.Parse(File.ReadAllText(Path.Combine(Paths.Golden("tokenizers"), name, "cases.json")))!;
        return [.. cases["texts"]!.AsArray().Where(c => c!["pair"] is null && c["error"] is null)
            .Select(c => (c!["text"]!.GetValue<string>(), (c["plain_ids"] ?? c["ids"])!.AsArray().Select(i => i!.GetValue<int>()).ToArray()))];
    }

    private static PieceKind KindOf(string token, HashSet<string> control)
        => token == "<unk>" ? PieceKind.Unknown : token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) ? PieceKind.Byte : control.Contains(token) ? PieceKind.Control : PieceKind.Normal;

    private static byte[] Message(int field, ReadOnlySpan<byte> bytes) => [.. Varint(field << 3 | 2), .. Varint(bytes.Length), .. bytes];
    private static byte[] Number(int field, int value) => [.. Varint(field << 3), .. Varint(value)];
    private static byte[] Flag(int field, bool? value) => value is { } v ? Number(field, v ? 1 : 0) : [];

    private static List<byte> Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return bytes;
    }
}
