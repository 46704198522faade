using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Cli.Verbs;

/// <summary>`render`: what a chat template makes of conversations.</summary>
internal static class RenderVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> messages = new("--messages") { Description = "a JSON list of messages or an object {messages, tools?, documents?, variables?, ...}" };
        Option<string> cases = new("--cases") { Description = "many in one start: {now?, variables?, cases: [{template?, messages?, tools?, documents?, add_generation_prompt?, continue_final_message?, variables?}]}" };
        Option<string> template = new("--template") { Description = "a template file that stands in for the model's" };
        Option<bool> prompt = new("--add-generation-prompt") { Description = "end where the assistant's answer begins" };
        var verb = new Command("render", "The chat template's text of conversations; with a model also ids and the assistant's tokens.") { messages, cases, template, prompt };
        common.AddTo(verb, compute: false);
        verb.SetAction(parsed =>
        {
            string? one = parsed.GetValue(messages), many = parsed.GetValue(cases), instead = parsed.GetValue(template), model = parsed.GetValue(common.Model);
            if (one is null == many is null) throw new BadInputException(one is null ? "an option is missing" : "two options exclude each other", place: "--messages, --cases", expected: "one of them");
            if (many is not null) parsed.Refuse(parsed.Unused("Each case says it with add_generation_prompt.", prompt));
            if (one is not null && model is null && instead is null) throw new BadInputException("an option is missing", place: "--model", expected: "a model, or a template file with --template");
            var job = new RenderJob(model is null ? null : Session.TokenizerOf(ModelPlace.Of(model)), instead is null ? null
                : TextFile.Read(instead), instead ?? "chat template");
            var answers = one is not null ? [job.One(TextFile.Read(one), one, parsed.GetValue(prompt))]
                : job.Cases(TextFile.Read(many!), many!);
            if (parsed.GetValue(common.Json)) Output.Json(answers);
            else foreach (var answer in answers) Console.Out.WriteLine((string?)answer!["text"] ?? Error(answer["error"]!));
            return 0;
        });
        return verb;
    }

    private static string Error(JsonNode error) => $"error ({error["kind"]}): {error["message"]}";
}
