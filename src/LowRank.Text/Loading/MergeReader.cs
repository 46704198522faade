using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Models;

namespace LowRank.Text;

/// <summary>Reads the merges of a BPE model, in both spellings. Half a million of them are usual, so places and strings are made only where something is wrong.</summary>
internal sealed class MergeReader(Node list, Dictionary<string, int> vocabulary, BpeOptions options)
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idOf = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
    private char[] _joined = new char[256];
    private int _index;

    /// <summary>The merges; the cuts learn what they join, or become null where that cannot be told.</summary>
    public BpeMerges Read(ref BpeCuts? cuts)
    {
        var merges = new BpeMerges();
        foreach (var element in list.List())
        {
            if (element.ValueKind == JsonValueKind.Array)
            {
                if (element.GetArrayLength() != 2) throw Item(element).Wrong("two tokens");
                Add(merges, Text(element[0]), Text(element[1]), ref cuts);
            }
            else
            {
                string merge = Text(element);
                if (!merge.StartsWith("#version", StringComparison.Ordinal))
                {
                    int blank = merge.IndexOf(' ', StringComparison.Ordinal);
                    if (blank < 0 || merge.IndexOf(' ', blank + 1) >= 0) throw new BadInputException("a merge is not two tokens with a blank between them", merge, Place);
                    Add(merges, merge.AsSpan(0, blank), merge.AsSpan(blank + 1), ref cuts);
                }
            }
            _index++;
        }
        return merges;
    }

    private string Place => $"{list.Place}[{_index}]";

    private Node Item(JsonElement element) => new(element, Place);

    private string Text(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String) throw Item(element).Wrong("a string");
        try { return element.GetString()!; }
        catch (InvalidOperationException) { return Item(element).String(); }
    }

    private void Add(BpeMerges merges, ReadOnlySpan<char> left, ReadOnlySpan<char> right, ref BpeCuts? cuts)
    {
        var rest = options.Prefix.Length > 0 && right.Length >= options.Prefix.Length ? right[options.Prefix.Length..] : right;
        int length = left.Length + rest.Length;
        if (_joined.Length < length) _joined = new char[2 * length];
        left.CopyTo(_joined);
        rest.CopyTo(_joined.AsSpan(left.Length));
        merges.Add(Id(left), Id(right), Id(_joined.AsSpan(0, length)));
        cuts?.Add(left, right);
        // Bytes and the unknown token stand for other characters than they are written with: what they join cannot be told from the text.
        if (IsUnknown(left) || IsUnknown(right) || (options.ByteFallback && (IsByte(left) || IsByte(right)))) cuts = null;
    }

    private int Id(ReadOnlySpan<char> token)
        => _idOf.TryGetValue(token, out int id) ? id : throw new BadInputException("a merge names a token that is not in the vocabulary", token.ToString(), Place);

    private bool IsUnknown(ReadOnlySpan<char> token) => options.UnknownToken is { } unknown && token.SequenceEqual(unknown);

    private static bool IsByte(ReadOnlySpan<char> token) => token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>';
}
