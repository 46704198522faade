using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;

namespace LowRank.Cli.Verbs;

/// <summary>`data`: what training will see of data. It reads them as `train` with the same settings does; without a model it counts characters.</summary>
internal sealed class DataVerb
{
    private readonly CommonOptions _common = new();
    private readonly Argument<string[]> _files = new("data") { Description = "files or folders of rows", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string> _eval = new("--eval") { Description = "held-out rows, for the overlap" };
    private readonly Option<string> _config = new("--config") { Description = "run.yaml of the training that is to see the data" };
    private readonly Option<string[]> _set = new("--set") { Description = "key=value, over the file; repeatable", DefaultValueFactory = _ => [] };
    private readonly Option<int> _samples = new("--samples") { Description = "rows shown as they are learnt", DefaultValueFactory = _ => 3 };
    private readonly Option<string> _html = new("--html") { Description = "also as a page" };
    private readonly Option<bool> _force = new("--force") { Description = "replace an existing --html file" };

    public static Command Create()
    {
        var options = new DataVerb();
        var verb = new Command("data", "What training will see: formats, lengths, what is cut or wrong, duplicates, samples with the learnt part marked.")
        {
            options._files, options._eval, options._config, options._set, options._samples, options._html, options._force,
        };
        options._common.AddTo(verb, compute: false);
        verb.SetAction(options.Run);
        return verb;
    }

    private int Run(ParseResult parsed)
    {
        if (parsed.GetValue(_samples) < 0) throw new BadInputException("a value out of range", $"{parsed.GetValue(_samples)}", "--samples", "0 or more");
        string? page = parsed.GetValue(_html);
        var settings = Settings(parsed);
        using var claimed = page is null ? null
            : OutputPlace.Claim(page, OutputKind.File, parsed.GetValue(_force), [.. Sources.Of(settings), .. Sources.OfFile(parsed.GetValue(_config), "the settings file")]);
        string? model = settings.Model.Length > 0 ? ModelPlace.Of(settings.Model) : null;
        var encoder = model is null ? CharacterEncoder.Create() : TokenEncoders.Of(model, settings);
        var tokenizer = model is not null && Session.HasTokenizer(model) ? Session.TokenizerOf(model) : null;
        string unit = model is null ? "characters" : "tokens";
        DataOptions Limited(DataOptions options) => model is null ? options with { MaxLength = null } : options;

        var survey = DataSurvey.Of(Limited(settings.DataOptions()), settings.EvalOptions() is { } held ? Limited(held) : null, encoder, Vocabulary(model, encoder), tokenizer, parsed.GetValue(_samples), CommandLine.Stop);
        if (page is not null) SurveyHtml.Write(page, survey, unit);
        var refusal = !survey.Refused ? null : survey.Errors.Count > 0 ? BadInputException.All("the data cannot be trained on", [.. survey.Errors.Select(e => e.Error)], settings.Data.ToString())
            : new BadInputException("the data have no rows", place: settings.Data.ToString(), expected: "at least one row");
        if (parsed.GetValue(_common.Json)) Output.Json(SurveyJson.Of(survey, unit, refusal));
        else SurveyText.Print(survey, unit, Console.Out, colour: !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null or "");
        if (refusal is not null) Console.Error.WriteLine("error: " + refusal.Message);
        return refusal is null ? 0 : 2;
    }

    private RunSettings Settings(ParseResult parsed)
    {
        JsonObject tree = parsed.GetValue(_config) is { } file ? SettingsBinder.ReadYaml(file) : [];
        if (parsed.GetValue(_common.Model) is { } model) tree["model"] = model;
        if (parsed.GetValue(_files) is { Length: > 0 } files) tree["data"] = files.Length == 1 ? files[0] : new JsonArray([.. files.Select(f => (JsonNode)f)]);
        if (parsed.GetValue(_eval) is { } eval) tree["eval_data"] = eval;
        foreach (string assignment in parsed.GetValue(_set)!) SettingsBinder.Set(tree, assignment);
        if (tree["data"] is null) throw new BadInputException("there are no data to look at", place: "lowrank data", expected: "lowrank data FILE", remedy: "Name a file or folder, or give --config with `data:` in it.");
        var settings = SettingsBinder.Bind(tree, needsModel: false);
        return settings with { ChatDate = settings.ChatDate ?? DataRules.DateText(DateTime.Today) };
    }

    /// <summary>The model's, where there is more than a tokenizer.</summary>
    private static int Vocabulary(string? model, TokenEncoder? encoder)
        => model is not null && (File.Exists(Path.Combine(model, "config.json")) || model.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) ? ModelLoader.Describe(model).Spec.VocabularySize
            : encoder?.VocabularySize ?? throw new BadInputException("the model has neither a configuration nor a tokenizer", place: model);
}
