using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;
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
        Option<string> template = new("--template") { Description = Session.TemplateDescription };
        Option<bool> prompt = new("--add-generation-prompt") { Description = "end where the assistant's answer begins" };
        var verb = new Command("render", "The chat template's text of conversations; with a model also ids and the assistant's tokens.") { messages, cases, template, prompt };
        common.AddTo(verb, compute: false);
        verb.Options.Add(common.Adapter);
        verb.SetAction(parsed =>
        {
            string? one = parsed.GetValue(messages), many = parsed.GetValue(cases), instead = parsed.GetValue(template), model = parsed.GetValue(common.Model);
            if (one is null == many is null) throw new BadInputException(one is null ? "an option is missing" : "two options exclude each other", place: "--messages, --cases", expected: "one of them");
            if (many is not null) parsed.Refuse(parsed.Unused("Each case says it with add_generation_prompt.", prompt));
            if (one is not null && model is null && instead is null) throw new BadInputException("an option is missing", place: "--model", expected: "a model, or a template file with --template");
            string[] adapters = [.. common.Adapters(parsed).Select(a => a.Path)];
            if (model is null && adapters.Length > 0)
                throw new BadInputException("an adapter is one of a model", adapters[0], "--adapter", "--model as well");
            var job = model is null ? new RenderJob(null, instead is null ? null : TextFile.Read(instead), instead ?? "")
                : Job(ModelPlace.Of(model), adapters, instead, many is null, parsed.GetValue(common.Quiet));
            SortedSet<string> unused = new(StringComparer.Ordinal);
            var answers = one is not null ? [job.One(TextFile.Read(one), one, parsed.GetValue(prompt), unused)]
                : job.Cases(TextFile.Read(many!), many!);
            if (unused.Count > 0 && !parsed.GetValue(common.Quiet))
                Output.Notes([$"not used for the text: {Output.Safe(string.Join(", ", unused))}"]);
            if (parsed.GetValue(common.Json)) Output.Json(answers);
            else foreach (var answer in answers) Console.Out.WriteLine((string?)answer!["text"] ?? Error(answer["error"]!));
            return 0;
        });
        return verb;
    }

    // Of many cases each may bring its own template: the model's is looked at only by one that does not.
    private static RenderJob Job(string model, string[] adapters, string? template, bool one, bool quiet)
    {
        if (!one && adapters.Length == 0 && template is null) return new(Tokenizer.Of(model));
        var texts = TextConventions.Of(model, adapters, template);
        Output.Notices(texts, quiet);
        return new(texts);
    }

    private static string Error(JsonNode error) => $"error ({error["kind"]}): {error["message"]}";
}
