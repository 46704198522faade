using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using LowRank.TestKit;

namespace LowRank.Bench;

/// <summary>Text to ids on one thread and on all, beside the Rust library on the same texts in the same run.</summary>
public class TokenizerBench
{
    private static string? _textFile;
    private static List<EncodeCase>? _cases;

    /// <summary>Tokenizers and texts.</summary>
    public static IEnumerable<EncodeCase> Cases => _cases ??= [.. EncodeCase.All(_textFile)];

    /// <summary>The one that is timed.</summary>
    [ParamsSource(nameof(Cases))]
    public EncodeCase Case { get; set; } = null!;

    /// <summary>Ids of every document, one after the other.</summary>
    [Benchmark(Baseline = true)]
    public int OneThread()
    {
        int tokens = 0;
        foreach (string text in Case.Texts) tokens += Case.Tokenizer.Encode(text).Length;
        return tokens;
    }

    /// <summary>The same on all cores.</summary>
    [Benchmark]
    public int AllCores() => Case.Tokenizer.EncodeAll(Case.Texts).Sum(ids => ids.Length);

    /// <summary>Runs all and prints the rates side by side.</summary>
    public static void Run(string? textFile)
    {
        _textFile = textFile;
        var summary = BenchmarkRunner.Run<TokenizerBench>(BenchConfig.Make(once: true));
        Console.WriteLine($"| tokenizer, text | LowRank MB/s | all {Environment.ProcessorCount} cores | Rust MB/s | ratio | bytes allocated a token |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var reports in summary.Reports.GroupBy(r => (EncodeCase)r.BenchmarkCase.Parameters["Case"]))
        {
            var encode = reports.Key;
            BenchmarkReport Of(string method) => reports.Single(r => r.BenchmarkCase.Descriptor.WorkloadMethod.Name == method);
            double one = BenchConfig.Seconds(Of(nameof(OneThread))), all = BenchConfig.Seconds(Of(nameof(AllCores)));
            double? theirs = RustLibrary.Missing is null ? RustLibrary.Time(encode.File, encode.Texts, BenchConfig.Runs).Seconds : null;
            double tokens = encode.Texts.Sum(t => (double)encode.Tokenizer.Encode(t).Length);
            Console.WriteLine(FormattableString.Invariant(
                $"| {encode} | {encode.Bytes / one / 1e6:0.0} | {encode.Bytes / all / 1e6:0.0} | {encode.Bytes / theirs / 1e6:0.0} | {theirs / one:0.0} | {BenchConfig.Allocated(Of(nameof(OneThread))) / tokens:0.0} |"));
        }
    }
}
