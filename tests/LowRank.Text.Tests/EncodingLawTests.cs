using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.AddedTokens;
using LowRank.Text.Models;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>What must hold of places, batches, caches and long words.</summary>
public sealed class EncodingLawTests
{
    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("o200k")]
    [InlineData("kimi")]
    [InlineData("llama2")]
    [InlineData("gemma")]
    public void Places_follow_each_other_and_cover_the_text(string name)
    {
        var tokenizer = Golden(name);
        var random = new Random(name.Length);
        for (int i = 0; i < 800; i++)
        {
            string text = RandomText.Of(random, 1 + random.Next(30)).Replace("\u0000", "", StringComparison.Ordinal);
            if (text.Length == 0) continue;
            var offsets = tokenizer.EncodeWithOffsets(text, addSpecialTokens: false).Offsets;
            int points = text.EnumerateRunes().Count();
            Assert.Equal((0, points), (offsets[0].Start, offsets[^1].End));
            for (int j = 1; j < offsets.Count; j++)
            {
                Assert.InRange(offsets[j].Start, offsets[j - 1].Start, offsets[j - 1].End);
                Assert.InRange(offsets[j].End, offsets[j - 1].End, points);
                Assert.True(offsets[j].End > offsets[j].Start);
            }
        }
    }

    [Theory]
    [InlineData("llama2")]
    [InlineData("gemma")]
    [InlineData("mistral-metaspace-first")]
    [InlineData("partial-bytes-fuse0")]
    [InlineData("unigram-byte-fallback")]
    [InlineData("t5-unigram")]
    public void Cutting_a_word_changes_nothing(string name)
    {
        var model = TokenizerFile.Read(Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json")).Model;
        var random = new Random(4);
        int cuts = 0;
        for (int i = 0; i < 1500; i++)
        {
            string word = RandomText.Of(random, 40).Replace(' ', '\u2581');
            TokenBuffer whole = new(), parts = new();
            model.Tokenize(System.Text.Encoding.UTF8.GetBytes(word), whole);
            for (int from = 0, end; from < word.Length; from = end)
            {
                end = model.NextCut(word, from);
                if (end < word.Length) cuts++;
                model.Tokenize(System.Text.Encoding.UTF8.GetBytes(word[from..end]), parts);
            }
            Assert.Equal(whole.Ids.ToArray(), parts.Ids.ToArray());
            Assert.Equal(whole.Lengths.ToArray(), parts.Lengths.ToArray());
        }
        if (name is "llama2" or "gemma") Assert.True(cuts > 1500, $"only {cuts} cuts");
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("t5-unigram")]
    [InlineData("sized-right")]
    [InlineData("roberta-trim1-prefix1")]
    public void Batches_equal_single_texts(string name)
    {
        var tokenizer = Golden(name);
        var random = new Random(9);
        string[] texts = [.. Enumerable.Range(0, 300).Select(_ => RandomText.Of(random, random.Next(30)))];
        Assert.Equal(texts.Select(t => tokenizer.Encode(t, false)), tokenizer.EncodeAll(texts, addSpecialTokens: false));
        Assert.Equal(texts.Select(t => tokenizer.Encode(t)), tokenizer.EncodeAll(texts, threads: 1));
        var rows = tokenizer.EncodeBatch([.. texts.Select((t, i) => (t, i % 3 == 0 ? texts[^(i + 1)] : null))], tokenizer.Truncation, padding: null);
        for (int i = 0; i < texts.Length; i++)
        {
            var single = tokenizer.With(tokenizer.Truncation).EncodeWithOffsets(texts[i], i % 3 == 0 ? texts[^(i + 1)] : null);
            Assert.Equal(single.Ids, rows[i].Ids);
            Assert.Equal(single.Offsets, rows[i].Offsets);
            Assert.Equal(single.TypeIds, rows[i].TypeIds);
        }
    }

    [Fact]
    public void The_first_error_of_a_batch_is_told()
    {
        var tokenizer = Golden("wordlevel-unk-missing");
        string[] texts = [.. Enumerable.Repeat("", 50), "wrong", .. Enumerable.Repeat("also wrong", 50)];
        Assert.Throws<BadInputException>(() => tokenizer.EncodeAll(texts));
    }

    [Fact]
    public void Truncation_and_padding_by_value()
    {
        var tokenizer = Golden("gpt2").With(new Truncation(4, Direction: Side.Left), new Padding(MultipleOf: 3, Id: 7, TypeId: 2, Token: "x"));
        string text = "one two three four five";
        int[] plain = Golden("gpt2").Encode(text);
        Assert.Equal([.. plain[^4..], 7, 7], tokenizer.Encode(text));
        var encoding = tokenizer.EncodeWithOffsets(text);
        Assert.Equal([1, 1, 1, 1, 0, 0], encoding.AttentionMask);
        Assert.Equal([0, 0, 0, 0, 2, 2], encoding.TypeIds);
        Assert.Equal([0, 0, 0, 0, 1, 1], encoding.SpecialTokensMask);
        Assert.Equal("x", encoding.Tokens[5]);
        Assert.Equal(plain, tokenizer.With().Encode(text));
        Assert.Contains("stride", Assert.Throws<BadInputException>(() => tokenizer.With(new Truncation(2, Stride: 2)).Encode(text)).Message, StringComparison.Ordinal);
        Assert.Contains("special tokens", Assert.Throws<BadInputException>(() => Golden("sized-right").With(new Truncation(1)).Encode(text)).Message, StringComparison.Ordinal);
        Assert.Contains("too long", Assert.Throws<BadInputException>(() => tokenizer.With(null, new Padding(int.MaxValue)).Encode(text)).Message, StringComparison.Ordinal);
        Assert.Empty(tokenizer.With(new Truncation(0)).Encode(text));
    }

    [Fact]
    public void A_long_word_costs_in_proportion()
    {
        var pairs = new PairTable();
        for (int i = 0; i < 16; i++) pairs.Set(i, i, i, i + 1); // doubling again and again
        long Steps(int length)
        {
            TokenBuffer symbols = new(), tokens = new();
            for (int i = 0; i < length; i++) symbols.Add(0, 1);
            var word = new BpeLongWord();
            word.Apply(pairs, symbols, tokens);
            Assert.Equal(length, tokens.Lengths.ToArray().Sum());
            return word.Steps;
        }
        Assert.InRange(Steps(100_000), 100_000, 500_000);
        Assert.InRange(Steps(2_000), 2_000, 10_000);
    }

    [Fact]
    public void Repeated_words_cost_no_memory()
    {
        var tokenizer = Golden("gpt2");
        string text = string.Concat(Enumerable.Repeat("the ferry leaves at dawn, again and again. ", 2000));
        int tokens = tokenizer.Encode(text).Length;
        tokenizer.Encode(text);
        long before = GC.GetAllocatedBytesForCurrentThread();
        tokenizer.Encode(text);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20L * tokens + 4096);
    }

    [Fact]
    public void Known_words_are_the_words_put_in()
    {
        var cache = new WordCache();
        var random = new Random(6);
        for (int i = 0; i < 200_000; i++)
        {
            string word = random.Next(60_000).ToString(System.Globalization.CultureInfo.InvariantCulture) + new string('x', random.Next(3) * random.Next(50));
            int[] expected = [word.Length, word[0], .. word.Length % 2 == 0 ? [word[^1]] : Array.Empty<int>()];
            uint hash = WordCache.Hash(word);
            var tokens = new TokenBuffer();
            if (cache.TryGet(word, hash, tokens)) Assert.Equal(expected, tokens.Ids.ToArray());
            else cache.Set(word, hash, expected, expected);
            var ids = cache.Ids(word, hash, out bool known);
            Assert.Equal(word.Length <= 96, known);
            if (known) Assert.Equal(expected, ids.ToArray());
        }
    }

    [Fact]
    public void Added_tokens_are_found_leftmost_and_longest()
    {
        var random = new Random(8);
        for (int i = 0; i < 3000; i++)
        {
            string[] strings = [.. Enumerable.Range(0, 1 + random.Next(6)).Select(_ => Letters(random, 1 + random.Next(5))).Distinct()];
            var trie = new TokenTrie();
            for (int id = 0; id < strings.Length; id++) trie.Add(strings[id], new AddedToken(id, strings[id]));
            trie.Finish();
            string text = Letters(random, random.Next(20));
            for (int from = 0; from <= text.Length; )
            {
                int start = Enumerable.Range(from, text.Length - from + 1).FirstOrDefault(s => strings.Any(x => string.CompareOrdinal(text, s, x, 0, x.Length) == 0), -1);
                Assert.Equal(start >= 0, trie.TryFind(text, from, out int foundStart, out int end, out var token));
                if (start < 0) break;
                string longest = strings.Where(x => string.CompareOrdinal(text, start, x, 0, x.Length) == 0).MaxBy(x => x.Length)!;
                Assert.Equal((start, start + longest.Length, longest), (foundStart, end, token.Content));
                from = end;
            }
        }
    }

    [Fact]
    public void Sequences_may_stand_in_sequences()
    {
        const string Bert = """{"type":"BertPreTokenizer"}""", Digits = """{"type":"Digits","individual_digits":true}""", Fixed = """{"type":"FixedLength","length":2}""";
        static string Sequence(params string[] steps) => $$"""{"type":"Sequence","pretokenizers":[{{string.Join(',', steps)}}]}""";
        string[] Words(string preTokenizer)
        {
            using var json = System.Text.Json.JsonDocument.Parse(preTokenizer);
            var words = new PreTokenizers.WordList();
            ComponentTables.PreTokenizer(new Node(json.RootElement, "here")).Split(new Slice("abc 123,d! ef9g"), words);
            return [.. words.Words.ToArray().Select(w => w.Span.ToString())];
        }
        string[] expected = ["ab", "c", "1", "2", "3", ",", "d", "!", "ef", "9", "g"];
        Assert.Equal(expected, Words(Sequence(Bert, Digits, Fixed)));
        Assert.Equal(expected, Words(Sequence(Bert, Sequence(Digits, Fixed))));
        Assert.Equal(expected, Words(Sequence(Sequence(Bert, Sequence(Digits)), Sequence(Sequence(Fixed)))));
        Assert.Equal(["abc 123,d! ef9g"], Words(Sequence()));
    }

    private static string Letters(Random random, int length) => new([.. Enumerable.Range(0, length).Select(_ => "aab"[random.Next(3)])]);

    private static Tokenizer Golden(string name) => Tokenizer.FromFile(Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json"));
}
