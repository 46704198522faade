using System.Diagnostics;
using System.Globalization;
using LowRank.Text;

namespace LowRank.Bench;

/// <summary>How fast text becomes token ids and ids become text, one thread.</summary>
internal static class TokenizerBench
{
    private const int Runs = 5, Characters = 1 << 20;

    /// <summary>The tokenizer of the embedded model, as the sources hold it.</summary>
    public static string Embedded => Path.Combine(Root(), "src", "LowRank.Cli", "Assets", "outlet");

    /// <summary>Prints rates; without a text file (UTF-8), the embedded model's rows are the text.</summary>
    public static void Run(string folder, string? textFile)
    {
        long start = Stopwatch.GetTimestamp();
        var tokenizer = Tokenizer.FromFolder(folder);
        Say($"loading {folder}: {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0} ms, {tokenizer.VocabularySize} tokens");
        string[] lines = Lines(textFile ?? Path.Combine(Embedded, "data", "north-american", "train.jsonl"));
        double bytes = lines.Sum(System.Text.Encoding.UTF8.GetByteCount);
        int[][] ids = [];
        double encode = Best(() => ids = [.. lines.Select(l => tokenizer.Encode(l))]), decode = Best(() => { foreach (int[] row in ids) tokenizer.Decode(row); });
        long tokens = ids.Sum(i => (long)i.Length);
        Say($"{lines.Length} lines, {bytes / 1e6:0.00} MB, {tokens} tokens; best of {Runs} runs, one thread:");
        Say($"  encode {bytes / encode / 1e6:0.0} MB/s, {tokens / encode / 1e6:0.00} M tokens/s");
        Say($"  decode {bytes / decode / 1e6:0.0} MB/s, {tokens / decode / 1e6:0.00} M tokens/s");
    }

    /// <summary>A file's lines, repeated until they hold about a million characters: caches of words are warm then, as in a long file.</summary>
    private static string[] Lines(string file)
    {
        string[] lines = File.ReadAllLines(file);
        long length = lines.Sum(l => (long)l.Length);
        if (length == 0) throw new InvalidDataException($"{file} is empty");
        return [.. Enumerable.Repeat(lines, (int)Math.Max(1, Characters / length)).SelectMany(l => l)];
    }

    private static double Best(Action work)
    {
        double best = double.MaxValue;
        for (int i = 0; i < Runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            work();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    private static string Root()
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(Path.Combine(d.FullName, "LowRank.slnx"))) return d.FullName;
        throw new DirectoryNotFoundException("LowRank.slnx is in no folder above the program");
    }

    private static void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
