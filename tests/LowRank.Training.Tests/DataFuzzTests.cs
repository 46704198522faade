using System.Text;
using LowRank.Tensors;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>Mutated files of every kind and mutated rows of every format: each is read or refused with a <see cref="BadInputException"/>. LOWRANK_FUZZ sets the number of cases (2,000 unless set).</summary>
public class DataFuzzTests
{
    private static readonly int Cases = int.TryParse(Environment.GetEnvironmentVariable("LOWRANK_FUZZ"), out int n) ? n : 2_000;

    private static readonly string[] Rows =
    [
        """{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": [{"type": "text", "text": "4"}], "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]}], "tools": "[{}]"}""",
        """{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "{\"name\": \"f\"}"}, {"from": "gpt", "value": "r"}], "system": "s"}""",
        """{"instruction": "do", "input": "it", "output": "done", "history": [["a", "b"]]}""",
        """{"prompt": "q", "completion": "r", "label": true}""",
        """{"prompt": [{"role": "user", "content": "q\u00e9\ud83d\ude00"}], "completion": [{"role": "assistant", "content": "r"}], "chat_template_kwargs": {"a": 1}}""",
        """{"prompt": "q", "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]}""",
        """{"text": "some text"}""", """{"input_ids": [1, 2, 3], "labels": [-100, 2, 3]}""",
    ];

    private static readonly string[] Words = ["null", "{}", "[]", "\"\"", "-1", "1e999", "99999999999", "true", "\\ud800", "\"role\"", "\"content\"", "\"from\"", "\"value\"", "\"text\"", "[[[[", "\"labels\"", "\"messages\"", ",", ":", "\"", "\n", "é"];

    [Fact]
    public void Mutated_rows_are_used_or_refused()
    {
        DataOptions[] options = [new(""), new("") { Survey = true, MaxLength = 5, TruncateLeft = true }, new("") { Format = "messages", TrainOnInputs = true }, new("") { Columns = new Dictionary<string, string> { ["text"] = "prompt", ["messages"] = "conversations" } }];
        TokenEncoder?[] encoders = [Letters, Letters with { Chat = null }, null, Real()];
        DataFile file = new("x.jsonl");
        int used = 0;
        for (int i = 0; i < Cases; i++)
        {
            var random = new Random(i);
            byte[] row = Encoding.UTF8.GetBytes(Rows[i % Rows.Length]);
            for (int times = random.Next(4); times > 0; times--) row = random.Next(3) == 0 ? Bytes(random, row) : Splice(random, row);
            var maker = new RowMaker(options[random.Next(options.Length)], encoders[random.Next(encoders.Length)], 1 << 16);
            if (maker.Make(new RawRow(file, i, row)) is { Row: { } made }) used += made.TargetCount > 0 ? 1 : throw new InvalidDataException($"case {i}: no target");
        }
        Assert.InRange(used, Cases / 20, Cases);
        var real = new RowMaker(options[0], encoders[3], 256).Make(new RawRow(file, 1, Encoding.UTF8.GetBytes(Rows[1])));
        Assert.Equal((null, 4, 2), (real.Error?.Message, real.Row!.InputIds.Count(i => i == 2), real.Row.Labels.Count(l => l == 2))); // four messages end, two of them the assistant's
    }

    /// <summary>A tokenizer of bytes and a template that reads all that a message has.</summary>
    private static TokenEncoder Real()
    {
        var tokenizer = LowRank.Text.Tokenizer.FromFile(Write("tokenizer.json", ByteTokenizer.Json));
        string end = tokenizer.TokenOf(2)!;
        var template = LowRank.Text.Templates.ChatTemplate.Parse("{% for m in messages %}{{ m.role + ':' }}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content or [] %}{{ p.text }}{% endfor %}{% endif %}{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ (c.function.arguments or {}) | tojson }}{% endfor %}{{ end }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}");
        var chat = new LowRank.Text.Chat.ChatEncoder(tokenizer, template, new Dictionary<string, System.Text.Json.JsonElement> { ["end"] = System.Text.Json.JsonSerializer.SerializeToElement(end) });
        return new TokenEncoder((text, special) => tokenizer.Encode(text, special), 2, 256) { Chat = (r, only) => r.AddGenerationPrompt ? chat.Tokens(chat.Render(chat.Prepare(r))) : chat.EncodeForTraining(r, only) };
    }

    [Fact]
    public void Mutated_files_are_read_or_refused()
    {
        byte[] lines = Encoding.UTF8.GetBytes(string.Join('\n', Rows)), csv = Encoding.UTF8.GetBytes("prompt,completion\n\"a,\"\"b\",c\nd,\"e\nf\"\n");
        (string Name, byte[] Bytes)[] seeds =
        [
            ("x.jsonl", lines), ("x.json", Encoding.UTF8.GetBytes("[" + string.Join(",\n", Rows) + "]")), ("x.json", Encoding.UTF8.GetBytes("{\"a\": [1], \"data\": [" + string.Join(",", Rows[6..]) + "]}")),
            ("x.csv", csv), ("x.tsv", Encoding.UTF8.GetBytes("text\tn\na\tb\n")), ("x.txt", lines), ("x.jsonl.gz", Gzip(lines)), ("x.csv.zst", Zstd(csv)),
            ("x.parquet", File.ReadAllBytes(Paths.Golden("data/nested.snappy.parquet"))), ("x.parquet", File.ReadAllBytes(Paths.Golden("data/nested.zstd.parquet"))),
            ("x.arrow", File.ReadAllBytes(Paths.Golden("data/nested.arrow"))), ("x.arrow", File.ReadAllBytes(Paths.Golden("data/nested.stream.arrow"))),
        ];
        string folder = Paths.Temporary();
        int read = 0;
        for (int i = 0; i < Cases; i++)
        {
            var random = new Random(i);
            var (name, bytes) = seeds[i % seeds.Length];
            for (int times = random.Next(4); times > 0; times--) bytes = random.Next(2) == 0 || name.Contains(".parquet") || name.Contains(".arrow") ? Bytes(random, bytes) : Splice(random, bytes);
            string path = Path.Combine(folder, name);
            File.WriteAllBytes(path, bytes);
            try { read += RowReader.Read(new DataOptions(path) { SkipBadRows = true, Survey = true }, 1 << 16, Letters).Count() > 0 ? 1 : 0; }
            catch (BadInputException) { }
            catch (Exception e) { throw new InvalidDataException($"case {i}, {name}: {e.Message}", e); }
        }
        Assert.InRange(read, Cases / 20, Cases);
    }

    /// <summary>Bytes changed, cut out, doubled, or the end cut off.</summary>
    private static byte[] Bytes(Random random, byte[] bytes)
    {
        if (bytes.Length == 0) return [(byte)random.Next(256)];
        int at = random.Next(bytes.Length), length = Math.Min(random.Next(1, 9), bytes.Length - at);
        switch (random.Next(5))
        {
            case 0: return bytes[..at];
            case 1: return [.. bytes[..at], .. bytes[(at + length)..]];
            case 2: return [.. bytes[..(at + length)], .. bytes[at..]];
            case 3:
                byte[] flipped = [.. bytes];
                flipped[at] ^= (byte)(1 << random.Next(8));
                return flipped;
            default:
                byte[] changed = [.. bytes];
                for (int i = 0; i < length; i++) changed[at + i] = (byte)(random.Next(3) switch { 0 => 255, 1 => 0, _ => random.Next(256) });
                return changed;
        }
    }

    /// <summary>A word of JSON put in, or put in place of some bytes.</summary>
    private static byte[] Splice(Random random, byte[] bytes)
    {
        int at = random.Next(bytes.Length + 1), length = Math.Min(random.Next(2) * random.Next(8), bytes.Length - at);
        return [.. bytes[..at], .. Encoding.UTF8.GetBytes(Words[random.Next(Words.Length)]), .. bytes[(at + length)..]];
    }
}
