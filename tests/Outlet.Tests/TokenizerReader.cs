using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Outlet.Tests;

/// <summary>A byte-level BPE read from tokenizer.json and nothing else: it shares no code with the trainer it checks.</summary>
internal sealed class TokenizerReader
{
    private static readonly Regex Pieces = new(@"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+");
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<int, string> _tokens;
    private readonly List<(string Left, string Right)> _merges;
    private readonly Dictionary<string, List<int>> _cache = [];

    public TokenizerReader(JsonElement json)
    {
        var model = json.GetProperty("model");
        Assert.Equal("BPE", model.GetProperty("type").GetString());
        Assert.Equal("ByteLevel", json.GetProperty("pre_tokenizer").GetProperty("type").GetString());
        Assert.False(json.GetProperty("pre_tokenizer").GetProperty("add_prefix_space").GetBoolean());
        _ids = model.GetProperty("vocab").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetInt32());
        _tokens = _ids.ToDictionary(p => p.Value, p => p.Key);
        _merges = [.. model.GetProperty("merges").EnumerateArray().Select(m => m.GetString()!.Split(' ')).Select(m => (m[0], m[1]))];
    }

    public List<int> Encode(string text) => [.. Pieces.Matches(text).SelectMany(m => EncodePiece(m.Value))];

    public string Decode(IEnumerable<int> ids)
    {
        byte[] bytes = [.. ids.SelectMany(id => _tokens[id]).Select(c => Bytes[c])];
        return Encoding.UTF8.GetString(bytes);
    }

    // Applies each merge in turn from the best on: slow, and plainly right.
    private List<int> EncodePiece(string piece)
    {
        if (_cache.TryGetValue(piece, out var cached)) return cached;
        var symbols = Encoding.UTF8.GetBytes(piece).Select(b => Characters[b].ToString()).ToList();
        foreach (var (left, right) in _merges)
            for (int i = 0; i + 1 < symbols.Count; i++)
                if (symbols[i] == left && symbols[i + 1] == right)
                {
                    symbols[i] = left + right;
                    symbols.RemoveAt(i + 1);
                }
        return _cache[piece] = [.. symbols.Select(s => _ids[s])];
    }

    private static readonly char[] Characters = [.. Enumerable.Range(0, 256).Select(b => Prints(b) ? (char)b : (char)(256 + Enumerable.Range(0, b).Count(o => !Prints(o))))];
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((c, b) => (c, b)).ToDictionary(p => p.c, p => (byte)p.b);

    private static bool Prints(int b) => b is >= 33 and <= 126 or >= 161 and <= 172 or >= 174 and <= 255;
}
