using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Models;
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
        var settingsFlags = new SettingsFlags("a setting about data, as for train: key=value; repeatable");
        Option<string[]> data = new("--data") { Description = "held-out rows: a file or folder, as for train; repeatable", DefaultValueFactory = _ => [] };
        Option<bool> generate = new("--generate") { Description = "also generate from each prompt (greedy unless --temperature is given) and compare with the references" };
        Option<int> limit = new("--limit") { Description = "only the first N rows, or inputs with --generate; 0: all" };
        Option<int> maxLength = new("--max-length")
        {
            Description = "tokens a row is cut to", DefaultValueFactory = _ => new RunSettings().MaxLength,
        };
        Option<string> predictions = new("--predictions") { Description = "a .jsonl file for the generated texts, with --generate" };
        Option<bool> force = new("--force") { Description = "replace an existing --predictions file" };
        var verb = new Command("eval", "How good a model is on held-out rows.") { data, generate, limit, maxLength, settingsFlags.Set, predictions, force };
        flags.AddTo(verb);
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            if (parsed.GetValue(data) is []) throw CommonOptions.Missing(parsed, data);
            if (parsed.GetValue(limit) < 0) throw new BadInputException("a value out of range", $"{parsed.GetValue(limit)}", "--limit", "0 (all) or more");
            bool generates = parsed.GetValue(generate);
            if (!generates) parsed.Refuse(parsed.Unused("It is about the texts of --generate.", [predictions, force, .. flags.All]));
            else parsed.Refuse([.. parsed.GetValue(predictions) is null ? parsed.Unused("It replaces the file of --predictions.", force) : [], .. flags.Unused(parsed, greedy: !flags.GivesTemperature(parsed))]);
            flags.Read(parsed, common, []).Check();
            var (tree, errors) = settingsFlags.Read(parsed, null, (common.Model, "model"), (data, "data"), (maxLength, "max_length"));
            foreach (string key in parsed.GetValue(settingsFlags.Set)!.Select(a => a.Split('=', '.')[0]).Where(k => SettingsBinder.Names.Contains(k) && !DataRules.Keys.Contains(k)).Distinct())
                errors.Add(new("this setting has no effect on an evaluation", key, "--set", string.Join(", ", DataRules.Keys), verb.Options.Any(o => o.Name == "--" + key) ? $"Give --{key}." : null));
            var settings = SettingsFlags.Bind((tree, errors));
            if (generates && settings.TrainOnInputs) throw new BadInputException("where prompts are targets, no text can be generated from them", "true", "train_on_inputs", "false", "Leave out --generate or the setting.");
            using var held = parsed.GetValue(predictions) is not { } place || !generates ? null
                : OutputPlace.Claim(place, GenerationScores.Predictions, parsed.GetValue(force), [.. Sources.Of(settings), .. Sources.Of(settings.Model, common.Adapters(parsed))]);
            using var session = Session.Open(common, parsed);
            var texts = session.Texts(settings.ChatTemplate, parsed.GetValue(common.Quiet), place: "chat_template");
            var encoder = TokenEncoders.Of(texts, settings.AssistantTurns);
            var rows = RowSet.Load(settings.DataOptions().AsHeldOut() with { Positions = PositionLimit.Of(session.Model.Spec) },
                session.Model.Spec.VocabularySize, encoder, stop: CommandLine.Stop);
            Output.Notes(rows.Notes);
            if (parsed.GetValue(limit) is > 0 and var count && !generates) rows = rows with { Rows = [.. rows.Rows.Take(count)] };
            var sums = Evaluator.Run(session.Model, rows.ForEvaluation(), CommandLine.Stop);
            if (CommandLine.Stop.IsCancellationRequested) return 130;
            if (!double.IsFinite(sums.MeanLoss)) throw WeightCheck.Explain(session.Model, $"the loss is {sums.MeanLoss}");
            JsonObject result = new()
            {
                ["loss"] = sums.MeanLoss, ["perplexity"] = sums.Perplexity, ["token_accuracy"] = sums.Accuracy,
                ["target_tokens"] = sums.Targets, ["rows"] = rows.Rows.Count,
            };
            if (rows.Tally.Skipped > 0) result["skipped_rows"] = rows.Tally.Skipped;
            if (rows.Tally.Cut > 0) result["truncated_rows"] = rows.Tally.Cut;
            if (generates)
            {
                var options = flags.Read(parsed, common, texts.EndIds, greedy: !flags.GivesTemperature(parsed));
                var scores = GenerationScores.Run(session, rows, options, parsed.GetValue(limit), parsed.GetValue(predictions));
                Output.Kept(held);
                (result["exact_match"], result["bleu"], result["rouge_l"], result["inputs"]) = (scores.ExactMatch, scores.Bleu, scores.RougeL, scores.Inputs);
            }
            if (parsed.GetValue(common.Json)) Output.Json(result);
            else foreach (var (name, value) in result) Console.Out.WriteLine($"{name,-16} {(value is JsonValue v && v.TryGetValue(out double d) ? d.ToString("0.######", System.Globalization.CultureInfo.InvariantCulture) : value)}");
            return CommandLine.Stop.IsCancellationRequested ? 130 : 0;
        });
        return verb;
    }
}
