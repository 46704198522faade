using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Cli.Chat;
using LowRank.Inference;
using LowRank.Tensors;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Cli.Verbs;

/// <summary>`generate`: text from prompts.</summary>
internal static class GenerateVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var generation = new GenerationFlags();
        Option<string> prompt = new("--prompt") { Description = "the prompt" };
        Option<string> prompts = new("--prompts") { Description = "a .jsonl file of {\"prompt\": text}, {\"messages\": [...]} or {\"input_ids\": [...]} rows" };
        Option<string> messages = new("--messages") { Description = "a .json file with a conversation to answer: a list of messages, or {messages, tools}" };
        Option<string> template = new("--template") { Description = Session.TemplateDescription };
        var verb = new Command("generate", "Text from prompts.") { prompt, prompts, messages, template };
        generation.AddTo(verb);
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            bool json = parsed.GetValue(common.Json);
            string? single = parsed.GetValue(prompt), file = parsed.GetValue(prompts), chat = parsed.GetValue(messages);
            if (new[] { single, file, chat }.Count(s => s is not null) != 1) throw new BadInputException("one of --prompt, --prompts and --messages is needed", place: "lowrank generate");
            generation.Read(parsed, common, []).Check();
            List<Input> inputs = single is not null ? [new(single)] : chat is not null ? [new(Chat: MessagesFile.Read(chat), Place: chat)] : ReadPrompts(file!);
            using var session = Session.Open(common, parsed);
            var texts = session.Texts(parsed.GetValue(template), parsed.GetValue(common.Quiet));
            var encoder = inputs.Any(i => i.Chat is not null) ? texts.RequireChat() : null;
            var options = generation.Read(parsed, common, texts.EndIds);
            var requests = inputs.Select(p => new GenerationRequest(p.Ids ?? (p.Chat is null ? session.Tokenizer.Encode(p.Text!) : Encoded(encoder!, p.Chat, p.Place)))).ToList();
            bool stream = !json && file is null;
            var results = new Generator(session.Model, session.TokenizerOrNull, session.Host).Generate(requests, options, stream ? (_, piece) => { Console.Out.Write(piece); Console.Out.Flush(); } : null, CommandLine.Stop);
            if (json) Output.Json(new JsonArray([.. results.Select((r, i) => ToJson(r, inputs[i], requests[i]))]));
            else if (stream) Console.Out.WriteLine(results[0].Text is null ? string.Join(' ', results[0].Ids) : "");
            else foreach (var r in results) Console.Out.WriteLine(r.Text?.ReplaceLineEndings("\\n") ?? string.Join(' ', r.Ids));
            return CommandLine.Stop.IsCancellationRequested ? 130 : 0;
        });
        return verb;
    }

    private static JsonNode ToJson(GenerationResult r, Input input, GenerationRequest request) => new JsonObject
    {
        ["prompt"] = input.Text is not null ? input.Text : input.Chat is { } chat ? JsonNode.Parse(chat.Messages!.Value.GetRawText()) : new JsonArray([.. request.PromptIds.Select(i => (JsonNode)i)]),
        ["text"] = r.Text, ["ids"] = new JsonArray([.. r.Ids.Select(i => (JsonNode)i)]), ["finish_reason"] = r.FinishReason,
        ["prompt_tokens"] = r.PromptTokens, ["new_tokens"] = r.Ids.Count, ["prefill_seconds"] = r.PrefillSeconds, ["decode_seconds"] = r.DecodeSeconds,
    };

    private static int[] Encoded(ChatEncoder encoder, ChatRequest chat, string? place)
    {
        try { return encoder.Encode(encoder.Prepare(chat)); }
        catch (BadInputException e) { throw new BadInputException(e.Problem, e.Value, $"{place}: {e.Place}", e.Expected, e.Remedy, e); }
    }

    private static List<Input> ReadPrompts(string path)
    {
        if (!File.Exists(path)) throw new BadInputException("the file does not exist", place: path);
        List<Input> prompts = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            string place = $"{path}:{number}";
            try
            {
                var row = JsonNode.Parse(line);
                if (row is JsonValue text) prompts.Add(new(text.GetValue<string>()));
                else if (row?["prompt"] is JsonValue value) prompts.Add(new(value.GetValue<string>()));
                else if (row?["input_ids"] is JsonArray ids) prompts.Add(new(Ids: [.. ids.Select(i => i!.GetValue<int>())]));
                else if (row?["messages"] is JsonArray || row is JsonArray) prompts.Add(new(Chat: MessagesFile.Of(JsonDocument.Parse(line).RootElement, place), Place: place));
                else throw new BadInputException("the row has no prompt", place: place, expected: "{\"prompt\": text}, {\"messages\": [...]} or {\"input_ids\": [...]}");
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException) { throw new BadInputException("the row is not what is expected: " + e.Message, place: place, expected: "{\"prompt\": text}, {\"messages\": [...]} or {\"input_ids\": [...]}"); }
        }
        return prompts.Count > 0 ? prompts : throw new BadInputException("the file holds no prompts", place: path);
    }

    private sealed record Input(string? Text = null, int[]? Ids = null, ChatRequest? Chat = null, string? Place = null);
}
