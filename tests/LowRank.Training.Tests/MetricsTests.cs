using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

public class MetricsTests
{
    private static readonly JsonNode Golden = JsonNode.Parse(File.ReadAllText(Paths.Golden("training-parts/metrics.json")))!;
    private static readonly string[] Outputs = Golden["hypotheses"].Deserialize<string[]>()!;
    private static readonly string[][] References = Golden["references"].Deserialize<string[][]>()!;

    private static string[][] Of(string which) => which switch
    {
        "both" => References,
        "first" => [.. References.Select(r => r[..1])],
        _ => [.. References.Select((r, i) => i % 3 == 0 ? r[..1] : r)],
    };

    public static IEnumerable<TheoryDataRow<int>> CorpusCases() => Cases("bleu_corpus");
    public static IEnumerable<TheoryDataRow<int>> SentenceCases() => Cases("bleu_sentence");

    [Theory]
    [MemberData(nameof(CorpusCases))]
    public void Bleu_of_a_corpus_is_sacrebleus(int index)
    {
        var golden = Golden["bleu_corpus"]![index]!;
        int[] rows = golden["rows"]?.Deserialize<int[]>() ?? [0, Outputs.Length];
        var score = Make(golden["options"]!).Corpus(Outputs[rows[0]..rows[1]], Of((string)golden["references"]!)[rows[0]..rows[1]], (bool?)golden["options"]!["effective_order"] ?? false);
        Near((double)golden["score"]!, score.Score);
        Near((double)golden["bp"]!, score.BrevityPenalty);
        Assert.Equal((int)golden["sys_len"]!, score.OutputLength);
        Assert.Equal((int)golden["ref_len"]!, score.ReferenceLength);
        foreach (var (expected, actual) in golden["precisions"].Deserialize<double[]>()!.Zip(score.Precisions)) Near(expected, actual);
    }

    [Theory]
    [MemberData(nameof(SentenceCases))]
    public void Bleu_of_a_sentence_is_sacrebleus(int index)
    {
        var golden = Golden["bleu_sentence"]![index]!;
        double[] expected = golden["scores"].Deserialize<double[]>()!;
        var (bleu, references) = (Make(golden["options"]!), Of((string)golden["references"]!));
        for (int i = 0; i < expected.Length; i++)
            Near(expected[i], bleu.Sentence(Outputs[i], references[i], (bool)golden["options"]!["effective_order"]!).Score);
    }

    [Fact]
    public void Tokens_are_sacrebleus()
    {
        foreach (var (name, texts) in Golden["tokenized"]!.AsObject())
        {
            var bleu = new Bleu(name);
            string[] inputs = [.. Outputs, .. References.Select(r => r[0])];
            string[][] expected = [.. texts.Deserialize<string[]>()!.Select(t => t.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))];
            Assert.Equal(expected, inputs.Select(bleu.Tokens));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Rouge_is_that_of_the_reference(int index)
    {
        var golden = Golden["rouge"]![index]!;
        var rouge = new Rouge((bool)golden["use_stemmer"]!);
        for (int i = 0; i < Outputs.Length; i++)
            foreach (string kind in new[] { "rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum" })
            {
                RougeScore Score(string reference) => kind switch
                {
                    "rougeL" => rouge.L(Outputs[i], reference),
                    "rougeLsum" => rouge.LSum(Outputs[i], reference),
                    _ => rouge.N(Outputs[i], reference, kind[^1] - '0'),
                };
                Equal(golden["pairs"]![i]![kind]!, Score(References[i][0]));
                Equal(golden["best_of_both_by_fmeasure"]![i]![kind]!, Rouge.Best(References[i], Score));
            }

        static void Equal(JsonNode expected, RougeScore actual)
        {
            Near((double)expected[0]!, actual.Precision);
            Near((double)expected[1]!, actual.Recall);
            Near((double)expected[2]!, actual.FMeasure);
        }
    }

    [Fact]
    public void Stems_are_those_of_the_reference()
    {
        // Seen through ROUGE, which leaves words of up to three letters as they are.
        var rouge = new Rouge(useStemmer: true);
        foreach (var (word, stem) in Golden["porter_stemmer"]!["stems"]!.AsObject())
            if (word.Length > 3 && word.All(char.IsAsciiLetterOrDigit)) Assert.Equal($"{word} {stem}", $"{word} {string.Join(' ', rouge.Tokens(word))}");
    }

    [Fact]
    public void Squad_and_plain_exact_match_are_those_of_the_reference()
    {
        double[] f1 = Golden["squad"]!["f1"].Deserialize<double[]>()!;
        double[] match = Golden["squad"]!["exact_match"].Deserialize<double[]>()!;
        double[] exact = Golden["exact_match_plain"]!["exact"].Deserialize<double[]>()!, stripped = Golden["exact_match_plain"]!["stripped"].Deserialize<double[]>()!;
        var both = Of("both");
        for (int i = 0; i < Outputs.Length; i++)
        {
            Near(f1[i], ExactMatch.SquadF1(Outputs[i], both[i]));
            Near(match[i], ExactMatch.Squad(Outputs[i], both[i]));
            Near(exact[i], ExactMatch.Plain(Outputs[i], both[i], strip: false));
            Near(stripped[i], ExactMatch.Plain(Outputs[i], both[i]));
        }
        foreach (var extra in Golden["squad"]!["extra"]!.AsArray())
        {
            var (prediction, gold) = ((string)extra!["prediction"]!, (string)extra["gold"]!);
            Near((double)extra["f1"]!, ExactMatch.SquadF1(prediction, [gold]));
            Near((double)extra["exact_match"]!, ExactMatch.Squad(prediction, [gold]));
            Assert.Equal((string)extra["normalized"]![0]!, ExactMatch.Normalise(prediction));
        }
    }

    [Fact]
    public void Plain_match_ignores_outer_white_space_only_where_asked()
    {
        Assert.Equal(1, ExactMatch.Plain(" a\n", ["b", "a"]));
        Assert.Equal(0, ExactMatch.Plain(" a\n", ["b", "a"], strip: false));
    }

    [Fact]
    public void An_unknown_tokenizer_and_missing_references_are_refused()
    {
        Assert.Contains("'13a'", Assert.Throws<BadInputException>(() => new Bleu("13")).Message);
        Assert.Throws<ArgumentException>(() => new Bleu().Corpus(["a"], []));
        Assert.Throws<ArgumentException>(() => new Bleu().Sentence("a", []));
    }

    private static IEnumerable<TheoryDataRow<int>> Cases(string key)
        => Golden[key]!.AsArray().Select((c, i) => new TheoryDataRow<int>(i) { TestDisplayName = $"{key} {i} {c!["options"]!.ToJsonString()} {c["references"]}" });

    private static Bleu Make(JsonNode o) => new((string)o["tokenize"]!, (bool?)o["lowercase"] ?? false,
        (string?)o["smooth_method"] switch { "floor" => BleuSmoothing.Floor, "add-k" => BleuSmoothing.AddK, "none" => BleuSmoothing.None, _ => BleuSmoothing.Exp },
        (double?)o["smooth_value"], (int?)o["max_ngram_order"] ?? 4);

    private static void Near(double expected, double actual) => Assert.Equal(expected, actual, 1e-9 * Math.Max(1, Math.Abs(expected)));
}
