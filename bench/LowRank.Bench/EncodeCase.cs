using System.Globalization;
using System.Text.Json;
using LowRank.TestKit;
using LowRank.Text;

namespace LowRank.Bench;

/// <summary>A tokenizer and the texts it is timed on: documents of about 4,000 characters, two million in all.</summary>
public sealed class EncodeCase(string name, string file, string textName, string text)
{
    private const int Characters = 2_000_000, Document = 4000;

    /// <summary>tokenizer.json.</summary>
    public string File { get; } = file;
    /// <summary>The documents.</summary>
    public string[] Texts { get; } = Documents(text);
    /// <summary>The tokenizer, read once.</summary>
    public Tokenizer Tokenizer { get; } = Tokenizer.FromFile(file);
    /// <summary>UTF-8 bytes of all documents.</summary>
    public double Bytes => Texts.Sum(t => (double)System.Text.Encoding.UTF8.GetByteCount(t));

    /// <inheritdoc/>
    public override string ToString() => $"{name}, {textName}";

    /// <summary>The published tokenizers that tests/npm/fetch.sh has brought, and a Unigram one of 32,000 pieces made from the text, each on every text.</summary>
    /// <param name="textFile">A text of the user's own; null: the text of the embedded model's rows, the sources of this repository, and every script mixed.</param>
    public static IEnumerable<EncodeCase> All(string? textFile)
    {
        (string Name, string Text)[] texts = textFile is not null
            ? [(Path.GetFileName(textFile), System.IO.File.ReadAllText(textFile))]
            : [("English", System.IO.File.ReadAllText(Path.Combine(Paths.Root, "src/LowRank.Cli/Assets/outlet/data/north-american/train.jsonl"))), ("C#", Sources()), ("every script", Mixed())];
        foreach (var (textName, text) in texts)
        {
            foreach (string name in new[] { "npm-llama3", "npm-qwen3", "npm-gemma3", "npm-gptoss" })
                if (NpmPackages.Tokenizer(name) is { } file) yield return new EncodeCase(name, file, textName, text);
            yield return new EncodeCase("Unigram 32k", Unigram(text), textName, text);
        }
    }

    private static string[] Documents(string text)
    {
        var documents = new List<string>();
        for (int i = 0; i < Characters; i += Document)
        {
            int from = i % Math.Max(1, text.Length - Document);
            int to = Math.Min(text.Length, from + Document);
            if (char.IsLowSurrogate(text[from])) from++;
            if (to < text.Length && char.IsLowSurrogate(text[to])) to--;
            documents.Add(text[from..to]);
        }
        return [.. documents];
    }

    private static string Sources()
        => string.Concat(Directory.EnumerateFiles(Path.Combine(Paths.Root, "src"), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(System.IO.File.ReadAllText));

    private static string Mixed()
    {
        var generated = new GeneratedText(7, []);
        return string.Join(' ', Enumerable.Range(0, 60_000).Select(i => generated[i]));
    }

    // The shape of a published Unigram model: the text's commonest strings of up to 12 characters, longer ones dearer, behind a metaspace.
    private static string Unigram(string text)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string word in text[..Math.Min(text.Length, 400_000)].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            string marked = "\u2581" + word;
            for (int from = 0; from < Math.Min(marked.Length, 24); from++)
                for (int to = from + 1; to <= Math.Min(marked.Length, from + 12); to++)
                {
                    if (char.IsLowSurrogate(marked[from]) || (to < marked.Length && char.IsLowSurrogate(marked[to]))) continue;
                    string piece = marked[from..to];
                    counts[piece] = counts.GetValueOrDefault(piece) + 1;
                }
        }
        double total = counts.Values.Sum(c => (double)c);
        var pieces = counts.OrderByDescending(c => (long)c.Value * (c.Key.Length == 1 ? 1000 : c.Key.Length)).ThenBy(c => c.Key, StringComparer.Ordinal).Take(32_000)
            .Select(c => new object[] { c.Key, Math.Log(c.Value / total) }).Prepend(["<unk>", 0.0]);
        string file = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"lowrank-bench-unigram-{text.Length}.json"));
        var metaspace = new { type = "Metaspace", replacement = "\u2581", prepend_scheme = "always", split = true };
        System.IO.File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            version = "1.0", added_tokens = Array.Empty<object>(), normalizer = (object?)null, pre_tokenizer = metaspace, post_processor = (object?)null, decoder = metaspace,
            model = new { type = "Unigram", unk_id = 0, byte_fallback = false, vocab = pieces },
        }));
        return file;
    }
}
