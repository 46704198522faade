using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Models;
using LowRank.Text.Normalizers;
using Xunit;
using static LowRank.Text.Tests.SentencePieceBytes;

namespace LowRank.Text.Tests;

/// <summary>SentencePiece files: the ids that SentencePiece gives, from the golden vocabularies and from its definition.</summary>
public sealed class SentencePieceTests
{
    private static readonly Piece Unknown = new("<unk>", 0, PieceKind.Unknown), Bos = new("<s>", 0, PieceKind.Control), Eos = new("</s>", 0, PieceKind.Control);
    private static readonly Settings Plain = new(Kind: 2, RemoveExtra: false, ByteFallback: true);

    [Fact]
    public void Bpe_file_equals_the_golden_of_the_same_vocabulary()
    {
        var tokenizer = Tokenizer(OfBpe(Golden("llama2")), Plain);
        var cases = Cases("llama2");
        Assert.True(cases.Count > 30);
        foreach (var (text, ids) in cases) Assert.Equal(ids, tokenizer.Encode(text));
    }

    [Fact]
    public void Bpe_equals_its_definition()
    {
        var pieces = OfBpe(Golden("llama2"));
        var tokenizer = Tokenizer(pieces, Plain);
        var random = new Random(1);
        for (int i = 0; i < 500; i++)
        {
            string text = new([.. Enumerable.Range(0, 1 + random.Next(60)).Select(_ => "the  rain\nin dawé▁"[random.Next(18)])]);
            Assert.Equal(Slow(pieces, "\u2581" + text.Replace(' ', '\u2581')), tokenizer.Encode(text));
        }
    }

    [Fact]
    public void Unigram_file_equals_the_best_cutting()
    {
        var pieces = OfUnigram(Golden("t5-unigram"));
        var tokenizer = Tokenizer(pieces, new Settings());
        var random = new Random(2);
        for (int i = 0; i < 300; i++)
        {
            string text = new([.. Enumerable.Range(0, 1 + random.Next(40)).Select(_ => "the rain in dawe"[random.Next(16)])]);
            string normal = string.Join('\u2581', text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Prepend(""));
            int[] ids = tokenizer.Encode(text);
            Assert.Equal(Best(pieces, normal), ids.Sum(id => pieces[id].Kind == PieceKind.Unknown ? 0 : pieces[id].Score), 0.001);
            Assert.Equal(normal, string.Concat(ids.Select(id => tokenizer.TokenOf(id))));
        }
    }

    [Fact]
    public void Blanks_are_joined_escaped_and_added()
    {
        var rules = Charsmap.FromBase64(Golden("norm-precompiled")["normalizer"]!["precompiled_charsmap"]!.GetValue<string>(), "test");
        string Normal(string text, SentencePieceNormalization spec, ByteTrie? symbols = null) => new SentencePieceNormalizer(spec, symbols).Normalize(new Slice(text)).Span.ToString();
        Assert.Equal("\u2581a\u2581b", Normal("  a \u00A0\u00A0 b \n", new(rules)));
        Assert.Equal("\u2581Afi", Normal("\uFF21\uFB01", new(rules)));
        Assert.Equal("", Normal(" \t ", new(rules)));
        Assert.Equal("\u2581\u2581\u2581a\u2581", Normal("  a ", new(RemoveExtraWhitespaces: false)));
        Assert.Equal("a b", Normal(" a  b ", new(AddDummyPrefix: false, EscapeWhitespaces: false)));
        Assert.Equal("a\u2581b\u2581", Normal(" a  b ", new(WhitespaceAsSuffix: true)));
        Assert.Equal("\u2581x\uFF21\uFF21A", Normal("x\uFF21\uFF21\uFF21", new(rules), new ByteTrie([("\uFF21\uFF21"u8.ToArray(), 0)])));
        // The longest rule counts here, the shortest in tokenizer.json.
        Assert.Equal("\u2581\u00C5", Normal("A\u030A", new(rules)));
    }

    [Fact]
    public void Symbols_of_the_users_own_never_merge()
    {
        List<Piece> pieces = [Unknown, Bos, Eos, new("\u2581", -1, PieceKind.Normal), new("a", -2, PieceKind.Normal), new("b", -3, PieceKind.Normal), new("ab", -0.5f, PieceKind.Normal), new("ba", 0, PieceKind.UserDefined), new("aba", -0.1f, PieceKind.Normal)];
        var tokenizer = Tokenizer(pieces, new Settings(Kind: 2));
        Assert.Equal([3, 4, 7, 5], tokenizer.Encode("abab"));
        Assert.False(tokenizer.IsSpecial(7));
        // A Unigram gives them the highest score there is, once a byte; other cuttings can still be better.
        tokenizer = Tokenizer(pieces, new Settings(Kind: 1));
        Assert.Equal([3, 7], tokenizer.Encode("ba"));
        Assert.Equal([3, 6, 6], tokenizer.Encode("abab"));
    }

    [Fact]
    public void Unused_pieces_fall_apart()
    {
        List<Piece> pieces = [Unknown, Bos, Eos, new("a", -2, PieceKind.Normal), new("b", -3, PieceKind.Normal), new("ab", -0.5f, PieceKind.Unused), new("abab", -0.7f, PieceKind.Unused), new("ba", -1, PieceKind.Normal)];
        Assert.Equal([3, 4, 3, 4], Tokenizer(pieces, new Settings(Kind: 2, DummyPrefix: false)).Encode("abab"));
        Assert.Equal([3, 7, 4], Tokenizer(pieces, new Settings(Kind: 1, DummyPrefix: false)).Encode("abab"));
    }

    [Fact]
    public void Unknown_neighbours_are_one_token_or_bytes()
    {
        List<Piece> pieces = [Unknown, Bos, Eos, new("a", -2, PieceKind.Normal), new("\u2581", -3, PieceKind.Normal)];
        List<Piece> bytes = [.. pieces, .. Enumerable.Range(0, 256).Select(b => new Piece($"<0x{b:X2}>", 0, PieceKind.Byte))];
        foreach (int kind in new[] { 1, 2 })
        {
            var tokenizer = Tokenizer(pieces, new Settings(Kind: kind));
            Assert.Equal([4, 3, 0, 3], tokenizer.Encode("axéa"));
            Assert.Equal([(0, 1), (0, 1), (1, 3), (3, 4)], tokenizer.EncodeWithOffsets("axéa").Offsets);
            Assert.Equal("xé", tokenizer.EncodeWithOffsets("axéa").Tokens[2]);
            tokenizer = Tokenizer(bytes, new Settings(Kind: kind, ByteFallback: true));
            Assert.Equal([4, 3, 5 + 'x', 5 + 0xC3, 5 + 0xA9, 3], tokenizer.Encode("axéa"));
            Assert.Equal("axéa", tokenizer.Decode(tokenizer.Encode("axéa")));
        }
    }

    [Fact]
    public void Control_pieces_have_roles_and_are_found()
    {
        List<Piece> pieces = [Unknown, Bos, Eos, new("<pad>", 0, PieceKind.Control), new("\u2581", -3, PieceKind.Normal), new("a", -2, PieceKind.Normal)];
        var tokenizer = Tokenizer(pieces, new Settings());
        Assert.Equal((1, 2, 3), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId));
        Assert.Equal([1, 4, 5, 2], tokenizer.Encode("<s>a</s>"));
        Assert.Equal("a", tokenizer.Decode([1, 4, 5, 2], skipSpecialTokens: true));
        Assert.Null(Tokenizer(pieces, new Settings(Bos: "<begin>")).BosId);
        string path = Write(Of(pieces, new Settings()));
        Assert.Equal([1, 4, 5, 2], new Tokenizer(SentencePieceFile.Read(path, addBos: true, addEos: true)).Encode("a"));
    }

    [Fact]
    public void Long_words_do_not_go_quadratic()
    {
        var pieces = OfBpe(Golden("llama2"));
        var tokenizer = Tokenizer(pieces, Plain);
        string text = string.Concat(Enumerable.Repeat("therainindawn", 40000));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        tokenizer = Tokenizer(OfUnigram(Golden("t5-unigram")), new Settings());
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    [Fact]
    public void Broken_files_are_refused_with_one_message()
    {
        byte[] whole = Of(OfUnigram(Golden("t5-unigram")).Take(40), new Settings(ByteFallback: true));
        string path = Write(whole);
        var random = new Random(3);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] broken = i < whole.Length ? whole[..i] : [.. whole];
            if (i >= whole.Length)
                for (int j = random.Next(4); j >= 0; j--) broken[random.Next(broken.Length)] = (byte)random.Next(256);
            try { SentencePieceParts.Make(SentencePieceFile.Parse(broken, path), new RoleIds(), addBos: false, addEos: false); }
            catch (BadInputException e)
            {
                Assert.Contains(path, e.Message, StringComparison.Ordinal);
                refused++;
            }
        }
        Assert.InRange(refused, 1000, 2900); // the others are cut between two pieces, or changed in a text or a score
    }

    [Fact]
    public void Wrong_values_are_named()
    {
        Piece a = new("a", -1, PieceKind.Normal);
        string Error(List<Piece> pieces, Settings settings) => Assert.Throws<BadInputException>(() => SentencePieceFile.Read(Write(Of(pieces, settings)))).Message;
        Assert.Contains("score", Error([Unknown, new("a", float.NaN, PieceKind.Normal)], new Settings()), StringComparison.Ordinal);
        Assert.Contains("type", Error([Unknown, new("a", 0, (PieceKind)9)], new Settings()), StringComparison.Ordinal);
        Assert.Contains("one unknown", Error([a], new Settings()), StringComparison.Ordinal);
        Assert.Contains("twice", Error([Unknown, a, a], new Settings()), StringComparison.Ordinal);
        Assert.Contains("empty piece", Error([Unknown, new("", 0, PieceKind.Normal)], new Settings()), StringComparison.Ordinal);
        Assert.Contains("not supported yet", Error([Unknown, a], new Settings(Kind: 3)), StringComparison.Ordinal);
        Assert.Contains("no pieces", Error([], new Settings()), StringComparison.Ordinal);
        Assert.Contains("precompiled_charsmap", Error([Unknown, a], new Settings(Charsmap: [1, 2, 3])), StringComparison.Ordinal);
    }

    // Of all neighbours that make a piece, the pair with the highest score is joined, the leftmost of equals.
    private static List<int> Slow(List<Piece> pieces, string text)
    {
        var ids = pieces.Select((p, id) => (p, id)).Where(p => p.p.Kind == PieceKind.Normal).ToDictionary(p => p.p.Text, p => p.id);
        List<string> parts = [.. text.EnumerateRunes().Select(r => r.ToString())];
        while (true)
        {
            int best = -1;
            for (int i = 0; i + 1 < parts.Count; i++)
                if (ids.TryGetValue(parts[i] + parts[i + 1], out int id) && (best < 0 || pieces[id].Score > pieces[ids[parts[best] + parts[best + 1]]].Score)) best = i;
            if (best < 0) break;
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
        return [.. parts.SelectMany(p => ids.TryGetValue(p, out int id) ? [id] : System.Text.Encoding.UTF8.GetBytes(p).Select(b => pieces.FindIndex(q => q.Text == $"<0x{b:X2}>")))];
    }

    // The highest sum of scores over all cuttings.
    private static double Best(List<Piece> pieces, string text)
    {
        var scores = pieces.Where(p => p.Kind == PieceKind.Normal).ToDictionary(p => p.Text, p => p.Score);
        var best = new double[text.Length + 1];
        for (int end = 1; end <= text.Length; end++)
            best[end] = Enumerable.Range(0, end).Max(start => scores.TryGetValue(text[start..end], out float score) ? best[start] + score : double.NegativeInfinity);
        return best[^1];
    }
}
