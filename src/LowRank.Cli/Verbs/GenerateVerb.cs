using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Cli.Chat;
using LowRank.Inference;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;
using LowRank.Text.Templates;
using LowRank.Training;

namespace LowRank.Cli.Verbs;

/// <summary>`generate`: text from prompts.</summary>
internal static class GenerateVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var generation = new GenerationFlags();
        Option<string> prompt = new("--prompt") { Description = "the prompt" };
        Option<string> prompts = new("--prompts") { Description = "a file of {\"prompt\": text}, {\"text\": text}, {\"messages\": [...]} or {\"input_ids\": [...]} rows, of any kind that train reads" };
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
            parsed.Refuse(generation.Unused(parsed));
            generation.Read(parsed, common, []).Check();
            IReadOnlyList<PromptRow> inputs = single is not null ? [new("--prompt") { Text = single }] : chat is not null
                ? [PromptRows.Conversation(chat)] : PromptRows.Read(file!);
            if (inputs.All(i => i.Chat is null)) parsed.Refuse(parsed.Unused("Only conversations go through a chat template: give --messages, or rows with messages.", template));
            if (file is not null && !parsed.GetValue(common.Quiet)) Output.Notes(new DataSources(new DataSource(file)).Notes);
            using var session = Session.Open(common, parsed);
            var texts = session.Texts(parsed.GetValue(template), parsed.GetValue(common.Quiet));
            var encoder = inputs.Any(i => i.Chat is not null) ? texts.RequireChat() : null;
            var options = generation.Read(parsed, common, texts.EndIds);
            SortedSet<string> unused = new(inputs.SelectMany(i => i.Unused), StringComparer.Ordinal);
            var requests = inputs.Select(p => new GenerationRequest(p.Ids
                ?? (p.Chat is null ? Encoded(session, p.Text!) : Encoded(encoder!, p.Chat, p.Place, unused)))).ToList();
            if (unused.Count > 0 && !parsed.GetValue(common.Quiet))
                Output.Notes([$"not used for the answers: {Output.Safe(string.Join(", ", unused))}"]);
            bool stream = !json && file is null;
            var results = new Generator(session.Model, session.TokenizerOrNull, session.Host).Generate(requests, options, stream ? (_, piece) => { Console.Out.Write(piece); Console.Out.Flush(); } : null, CommandLine.Stop);
            if (json) Output.Json(new JsonArray([.. results.Select((r, i) => ToJson(r, inputs[i], requests[i]))]));
            else if (stream) Console.Out.WriteLine(results[0].Text is null ? string.Join(' ', results[0].Ids) : "");
            else foreach (var r in results) Console.Out.WriteLine(r.Text?.ReplaceLineEndings("\\n") ?? string.Join(' ', r.Ids));
            return CommandLine.Stop.IsCancellationRequested ? 130 : 0;
        });
        return verb;
    }

    private static JsonNode ToJson(GenerationResult r, PromptRow input, GenerationRequest request) => new JsonObject
    {
        ["prompt"] = input.Text is not null ? input.Text : input.Chat is { } chat ? JsonNode.Parse(chat.Messages!.Value.GetRawText()) : new JsonArray([.. request.PromptIds.Select(i => (JsonNode)i)]),
        ["text"] = r.Text, ["ids"] = new JsonArray([.. r.Ids.Select(i => (JsonNode)i)]), ["finish_reason"] = r.FinishReason,
        ["prompt_tokens"] = r.PromptTokens, ["new_tokens"] = r.Ids.Count, ["prefill_seconds"] = r.PrefillSeconds, ["decode_seconds"] = r.DecodeSeconds,
    };

    private static int[] Encoded(Session session, string text)
        => BeginningMark.Once((part, special) => session.Tokenizer.Encode(part, special), text);

    private static int[] Encoded(ChatEncoder encoder, ChatRequest chat, string place, SortedSet<string> unused)
    {
        try
        {
            unused.UnionWith(encoder.RefuseUnread(chat));
            return encoder.Encode(encoder.Prepare(chat));
        }
        catch (BadInputException e)
        {
            throw new BadInputException(e.Problem, e.Value, e.Place is null ? place : $"{place}: {e.Place}", e.Expected, e.Remedy, e);
        }
    }
}
