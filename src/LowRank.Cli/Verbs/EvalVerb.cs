using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Tensors;
using LowRank.Training;

namespace LowRank.Cli.Verbs;

/// <summary>`eval`: loss, perplexity and token accuracy on held-out rows; with --generate, exact match, BLEU and ROUGE-L against the references.</summary>
internal static class EvalVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var flags = new GenerationFlags();
        Option<string> data = new("--data") { Description = "held-out rows: a file or folder, as for train" };
        Option<bool> generate = new("--generate") { Description = "also generate from each prompt (greedy unless --temperature is given) and compare with the references" };
        Option<int> limit = new("--limit") { Description = "only the first N rows, or inputs with --generate; 0: all" };
        Option<int> maxLength = new("--max-length") { Description = "tokens a row is cut to", DefaultValueFactory = _ => 1024 };
        Option<string[]> set = new("--set") { Description = "a setting about data, as for train: key=value; repeatable", DefaultValueFactory = _ => [] };
        Option<string> predictions = new("--predictions") { Description = "a .jsonl file for the generated texts, with --generate" };
        Option<bool> force = new("--force") { Description = "replace an existing --predictions file" };
        var verb = new Command("eval", "How good a model is on held-out rows.") { data, generate, limit, maxLength, set, predictions, force };
        flags.AddTo(verb);
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            string file = CommonOptions.Require(parsed, data);
            if (parsed.GetValue(limit) < 0) throw new BadInputException("a value out of range", $"{parsed.GetValue(limit)}", "--limit", "0 (all) or more");
            if (parsed.GetValue(maxLength) < 2) throw new BadInputException("a value out of range", $"{parsed.GetValue(maxLength)}", "--max-length", "2 or more");
            if (!File.Exists(file) && !Directory.Exists(file)) throw new BadInputException("the data file does not exist", file, "--data");
            flags.Read(parsed, common, []).Check();
            JsonObject tree = new() { ["model"] = common.RequireModel(parsed), ["data"] = file, ["max_length"] = parsed.GetValue(maxLength) };
            foreach (string assignment in parsed.GetValue(set)!) SettingsBinder.Set(tree, assignment);
            var settings = SettingsBinder.Bind(tree);
            using var held = parsed.GetValue(predictions) is not { } place || !parsed.GetValue(generate) ? null
                : OutputPlace.Claim(place, OutputKind.File, parsed.GetValue(force), [.. Sources.Of(settings), .. Sources.Of(settings.Model, common.Adapters(parsed))]);
            using var session = Session.Open(common, parsed);
            var rows = RowSet.Load(settings.DataOptions(), session.Model.Spec.VocabularySize, TokenEncoders.Of(session.Path, settings), stop: CommandLine.Stop);
            if (parsed.GetValue(limit) is > 0 and var count && !parsed.GetValue(generate)) rows = rows with { Rows = [.. rows.Rows.Take(count)] };
            var sums = Evaluator.Run(session.Model, rows.ForEvaluation(), CommandLine.Stop);
            if (CommandLine.Stop.IsCancellationRequested) return 130;
            double loss = sums.Loss / Math.Max(1, sums.Targets);
            JsonObject result = new()
            {
                ["loss"] = loss, ["perplexity"] = Math.Exp(loss), ["token_accuracy"] = (double)sums.Hits / Math.Max(1, sums.Targets), ["target_tokens"] = sums.Targets, ["rows"] = rows.Rows.Count,
            };
            if (rows.Skipped > 0) result["skipped_rows"] = rows.Skipped;
            if (parsed.GetValue(generate))
            {
                var scores = GenerationScores.Run(session, rows, flags.Read(parsed, common, Session.EndIds(session.Path), greedy: !flags.GivesTemperature(parsed)), parsed.GetValue(limit), parsed.GetValue(predictions));
                (result["exact_match"], result["bleu"], result["rouge_l"], result["inputs"]) = (scores.ExactMatch, scores.Bleu, scores.RougeL, scores.Inputs);
            }
            if (parsed.GetValue(common.Json)) Output.Json(result);
            else foreach (var (name, value) in result) Console.Out.WriteLine($"{name,-16} {(value is JsonValue v && v.TryGetValue(out double d) ? d.ToString("0.######", System.Globalization.CultureInfo.InvariantCulture) : value)}");
            return CommandLine.Stop.IsCancellationRequested ? 130 : 0;
        });
        return verb;
    }
}
