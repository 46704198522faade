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
    private readonly SettingsFlags _settings = new();
    private readonly Option<int> _samples = new("--samples") { Description = "rows shown as they are learnt", DefaultValueFactory = _ => 3 };
    private readonly Option<string> _html = new("--html") { Description = "also as a page" };
    private readonly Option<bool> _force = new("--force") { Description = "replace an existing --html file" };

    public static Command Create()
    {
        var options = new DataVerb();
        var verb = new Command("data", "What training will see: formats, lengths, what is cut or wrong, duplicates, samples with the learnt part marked.")
        {
            options._files, options._eval, options._settings.Config, options._settings.Set, options._samples, options._html, options._force,
        };
        options._common.AddTo(verb, compute: false);
        verb.SetAction(options.Run);
        return verb;
    }

    private int Run(ParseResult parsed)
    {
        if (parsed.GetValue(_samples) < 0) throw new BadInputException("a value out of range", $"{parsed.GetValue(_samples)}", "--samples", "0 or more");
        string? page = parsed.GetValue(_html);
        if (page is null) parsed.Refuse(parsed.Unused("It replaces the file of --html.", _force));
        var settings = Settings(parsed);
        using var claimed = page is null ? null
            : OutputPlace.Claim(page, PageHead.Page, parsed.GetValue(_force), [.. Sources.Of(settings), .. Sources.OfFile(parsed.GetValue(_settings.Config), "the settings file")]);
        string? model = settings.Model.Length > 0 ? ModelPlace.Of(settings.Model) : null;
        var texts = model is null ? null : TokenEncoders.Texts(model, settings);
        var encoder = texts is null ? CharacterEncoder.Create() : TokenEncoders.Of(texts, settings.AssistantTurns);
        var tokenizer = texts?.Tokenizer;
        Output.Notices(texts, parsed.GetValue(_common.Quiet));
        string unit = model is null ? "characters" : "tokens";
        var spec = SpecOf(model);
        DataOptions Limited(DataOptions options) => model is null ? options with { MaxLength = null }
            : options with { Positions = spec is null ? null : PositionLimit.Of(spec) };

        var survey = DataSurvey.Of(Limited(settings.DataOptions()), settings.EvalOptions() is { } held ? Limited(held) : null, encoder,
            Vocabulary(spec, encoder, model), tokenizer, parsed.GetValue(_samples), CommandLine.Stop);
        if (page is not null) SurveyHtml.Write(page, survey, unit);
        Output.Kept(claimed);
        var refusal = !survey.Refused ? null : survey.Errors.Count > 0 ? BadInputException.All("the data cannot be trained on", [.. survey.Errors.Select(e => e.Error)], settings.Data.ToString())
            : new BadInputException("the data have no rows", place: settings.Data.ToString(), expected: "at least one row");
        if (parsed.GetValue(_common.Json)) Output.Json(SurveyJson.Of(survey, unit, refusal));
        else SurveyText.Print(survey, unit, Console.Out, colour: !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null or "");
        if (refusal is not null) Console.Error.WriteLine("error: " + refusal.Message);
        return refusal is null ? 0 : 2;
    }

    private RunSettings Settings(ParseResult parsed)
    {
        var (tree, errors) = _settings.Read(parsed, null, (_common.Model, "model"), (_eval, "eval_data"));
        if (parsed.GetValue(_files) is { Length: > 0 } files) tree["data"] = files.Length == 1 ? files[0] : new JsonArray([.. files.Select(f => (JsonNode)f)]);
        if (tree["data"] is null) throw new BadInputException("there are no data to look at", place: "lowrank data", expected: "lowrank data FILE", remedy: "Name a file or folder, or give --config with `data:` in it.");
        var settings = SettingsFlags.Bind((tree, errors), needsModel: false);
        return settings with { ChatDate = settings.ChatDate ?? DataRules.DateText(DateTime.Today) };
    }

    /// <summary>The model's, where there is more than a tokenizer.</summary>
    private static DecoderSpec? SpecOf(string? model)
        => model is not null && Found.At(model).Kind is FoundKind.Model or FoundKind.GgufModel or FoundKind.GgufPart ? ModelLoader.Describe(model).Spec : null;

    private static int Vocabulary(DecoderSpec? spec, TokenEncoder? encoder, string? model)
        => spec?.VocabularySize ?? encoder?.VocabularySize ?? throw new BadInputException("the model has neither a configuration nor a tokenizer", place: model);
}
