using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Tensors;

namespace LowRank.Cli.Verbs;

/// <summary>`generate`: text from prompts.</summary>
internal static class GenerateVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var generation = new GenerationFlags();
        Option<string> prompt = new("--prompt") { Description = "the prompt" };
        Option<string> prompts = new("--prompts") { Description = "a .jsonl file of {\"prompt\": text} or {\"input_ids\": [...]} rows" };
        var verb = new Command("generate", "Text from prompts.") { prompt, prompts };
        generation.AddTo(verb);
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            bool json = parsed.GetValue(common.Json);
            string? single = parsed.GetValue(prompt), file = parsed.GetValue(prompts);
            if ((single is null) == (file is null)) throw new BadInputException("one of --prompt and --prompts is needed", place: "lowrank generate");
            generation.Read(parsed, common, []).Check();
            var inputs = single is not null ? [(single, null)] : ReadPrompts(file!);
            using var session = Session.Open(common, parsed);
            var options = generation.Read(parsed, common, Session.EndIds(session.Path));
            var requests = inputs.Select(p => new GenerationRequest(p.Ids ?? session.Tokenizer.Encode(p.Text!))).ToList();
            bool stream = !json && single is not null;
            var results = new Generator(session.Model, session.TokenizerOrNull, session.Host).Generate(requests, options, stream ? (_, piece) => { Console.Out.Write(piece); Console.Out.Flush(); } : null, CommandLine.Stop);
            if (json) Output.Json(new JsonArray([.. results.Select((r, i) => ToJson(r, inputs[i].Text, requests[i]))]));
            else if (stream) Console.Out.WriteLine(results[0].Text is null ? string.Join(' ', results[0].Ids) : "");
            else foreach (var r in results) Console.Out.WriteLine(r.Text?.ReplaceLineEndings("\\n") ?? string.Join(' ', r.Ids));
            return CommandLine.Stop.IsCancellationRequested ? 130 : 0;
        });
        return verb;
    }

    private static JsonNode ToJson(GenerationResult r, string? prompt, GenerationRequest request) => new JsonObject
    {
        ["prompt"] = prompt is not null ? prompt : new JsonArray([.. request.PromptIds.Select(i => (JsonNode)i)]),
        ["text"] = r.Text, ["ids"] = new JsonArray([.. r.Ids.Select(i => (JsonNode)i)]), ["finish_reason"] = r.FinishReason,
        ["prompt_tokens"] = r.PromptTokens, ["new_tokens"] = r.Ids.Count, ["prefill_seconds"] = r.PrefillSeconds, ["decode_seconds"] = r.DecodeSeconds,
    };

    private static List<(string? Text, int[]? Ids)> ReadPrompts(string path)
    {
        if (!File.Exists(path)) throw new BadInputException("the file does not exist", place: path);
        List<(string?, int[]?)> prompts = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            string place = $"{path}:{number}";
            try
            {
                var row = JsonNode.Parse(line);
                if (row is JsonValue text) prompts.Add((text.GetValue<string>(), null));
                else if (row?["prompt"] is JsonValue value) prompts.Add((value.GetValue<string>(), null));
                else if (row?["input_ids"] is JsonArray ids) prompts.Add((null, [.. ids.Select(i => i!.GetValue<int>())]));
                else throw new BadInputException("the row has no prompt", place: place, expected: "{\"prompt\": text} or {\"input_ids\": [...]}");
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException) { throw new BadInputException("the row is not what is expected: " + e.Message, place: place, expected: "{\"prompt\": text} or {\"input_ids\": [...]}"); }
        }
        return prompts.Count > 0 ? prompts : throw new BadInputException("the file holds no prompts", place: path);
    }
}
