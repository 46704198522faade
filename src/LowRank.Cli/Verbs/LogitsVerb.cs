using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Cli.Verbs;

/// <summary>`logits`: the logits of given token ids, for comparing with other implementations.</summary>
internal static class LogitsVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> input = new("--input") { Description = "safetensors with input_ids I64 [B, T] and, if padded, attention_mask I64 [B, T]" };
        Option<string> output = new("--output") { Description = "where logits F32 [B, T, V] go" };
        Option<bool> merged = new("--merged") { Description = "fold the adapters into the weights first" };
        Option<string> rows = new("--rows-adapters") { Description = "each row's adapter by name, comma-separated; - is none" };
        Option<bool> force = new("--force") { Description = "replace an existing output" };
        var verb = new Command("logits", "The logits of given token ids.") { input, output, merged, rows, force };
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            string place = CommonOptions.Require(parsed, output), source = CommonOptions.Require(parsed, input);
            if (common.Adapters(parsed).Count == 0) parsed.Refuse(parsed.Unused("Give an adapter to merge.", merged));
            if (parsed.GetValue(merged) && parsed.IsGiven(rows))
                throw new BadInputException("rows have no adapters of their own in merged weights", "--merged", rows.Name,
                    remedy: "Leave one of the two out.");
            using var held = OutputPlace.Claim(place, OutputKind.Logits, parsed.GetValue(force),
                [.. Sources.Of(common.RequireModel(parsed), common.Adapters(parsed)), new(source, "the input")]);
            using var file = SafetensorsFile.Open(source);
            using var scope = NewDisposeScope();
            using var nothing = no_grad();
            var (ids, mask) = Read(file);
            using var session = Session.Open(common, parsed);
            CheckIds(ids, session.Model.Spec.VocabularySize, source);
            if (parsed.GetValue(merged) && MergeWords.Warning(session.Host.Merge(), gguf: false,
                again: false) is { } warning) Output.Line(true, warning);
            string?[]? named = parsed.GetValue(rows) is { } names ? RowNames(names, ids.size(0), session) : null;
            using var mixed = named is null ? null : session.Host.Rows(named, session.Adapters.ToDictionary(a => a.Name, a => a.Strength));
            var device = session.Model.Device;
            var logits = session.Model.Logits(session.Model.Hidden(ids.to(device), mask?.to(device))).to(ScalarType.Float32);
            if (!logits.isfinite().all().item<bool>()) throw WeightCheck.Explain(session.Model, "the logits are not all numbers");
            SafetensorsWriter.Write(place, [("logits", logits)]);
            Output.Kept(held);
            Output.Notes(Unused(file, named, session));
            if (parsed.GetValue(common.Json)) Output.Json(new JsonObject { ["output"] = place, ["shape"] = new JsonArray([.. logits.shape.Select(s => (JsonNode)s)]) });
            return 0;
        });
        return verb;
    }

    private static readonly string[] Inputs =
    [
        "position_ids", "token_type_ids", "inputs_embeds", "cache_position", "past_key_values", "decoder_input_ids",
        "pixel_values", "image_embeds",
    ];

    private static (Tensor Ids, Tensor? Mask) Read(SafetensorsFile file)
    {
        Tensor Matrix(string name)
        {
            if (file.Shape(name) is not { } shape) throw new BadInputException("the input has no such tensor", name, file.Path, "input_ids I64 [B, T]", NearNames.Sentence(name, file.Names));
            if (shape.Length != 2 || file.DType(name) is not ("I64" or "I32"))
                throw new BadInputException("a tensor of the wrong kind", $"{file.DType(name)} [{string.Join(", ", shape)}]", $"{file.Path}: {name}", "I64 [B, T]");
            return file.Get(name).to(ScalarType.Int64);
        }
        if (file.Names.FirstOrDefault(Inputs.Contains) is { } input)
            throw new BadInputException("an input of the model that this verb does not take", input, file.Path,
                "input_ids, attention_mask", "Leave it out.");
        var ids = Matrix("input_ids");
        if (!file.Names.Contains("attention_mask")) return (ids, null);
        var mask = Matrix("attention_mask");
        if (!mask.shape.SequenceEqual(ids.shape)) throw new BadInputException("the mask does not fit the ids", $"[{string.Join(", ", mask.shape)}]", $"{file.Path}: attention_mask", $"[{string.Join(", ", ids.shape)}]");
        foreach (long bit in mask.contiguous().data<long>())
            if (bit is not (0 or 1)) throw new BadInputException("a mask value that is neither", bit.ToString(System.Globalization.CultureInfo.InvariantCulture), $"{file.Path}: attention_mask", "0 or 1");
        return (ids, mask.eq(Scalars.Of(1L)).all().item<bool>() ? null : mask);
    }

    // Results that lie beside the ids, as in reference files, and adapters that no row takes are told.
    private static IEnumerable<string> Unused(SafetensorsFile file, string?[]? rows, Session session)
    {
        if (PositionLimit.Of(session.Model.Spec) is { } positions && file.Shape("input_ids")![1] is var length && length > positions.Most)
            yield return $"the rows have {length} tokens, more than the {positions.Most} positions that the model was made for.";
        string[] others = [.. file.Names.Except(["input_ids", "attention_mask"]).Order(StringComparer.Ordinal)];
        if (others.Length > 0) yield return $"{file.Path}: read are input_ids and attention_mask, not {NameList.Of(others)}.";
        foreach (var adapter in session.Adapters.Where(a => rows?.Contains(a.Name) == false))
            yield return $"no row names the adapter {adapter.Name}.";
    }

    private static void CheckIds(Tensor ids, int vocabulary, string place)
    {
        if (ids.numel() == 0) throw new BadInputException("there are no ids", place: place + ": input_ids");
        foreach (long id in ids.contiguous().data<long>())
            if (id < 0 || id >= vocabulary) throw new BadInputException("a token id outside the vocabulary", id.ToString(System.Globalization.CultureInfo.InvariantCulture), place + ": input_ids", $"0 to {vocabulary - 1}");
    }

    private static string?[] RowNames(string list, long rows, Session session)
    {
        string[] names = list.Split(',', StringSplitOptions.TrimEntries);
        if (names.Length != rows) throw new BadInputException("the number of names is not the number of rows", $"{names.Length} names", "--rows-adapters", $"{rows}");
        return [.. names.Select(n => n == "-" ? null : session.Adapters.FirstOrDefault(a => a.Name == n || a.Path == n).Name
            ?? throw new BadInputException("no adapter of this name was given", n, "--rows-adapters",
                string.Join(", ", session.Adapters.Select(a => a.Name)) + " or -"))];
    }
}
