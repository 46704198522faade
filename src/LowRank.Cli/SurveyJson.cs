using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Training;

namespace LowRank.Cli;

/// <summary>A survey of data as one JSON document.</summary>
internal static class SurveyJson
{
    /// <summary>The document; with the error where training would refuse the data.</summary>
    public static JsonObject Of(DataSurvey survey, string unit, BadInputException? refusal)
    {
        JsonArray List<T>(IEnumerable<T> items, Func<T, JsonNode> node) => new([.. items.Select(node)]);
        JsonObject result = new()
        {
            ["data"] = survey.Options.Sources.ToJson(), ["unit"] = unit, ["format"] = survey.Formats.Count > 0 ? survey.Formats[0].Key : null,
            ["formats"] = new JsonObject(survey.Formats.Select(f => KeyValuePair.Create(f.Key, (JsonNode?)f.Value))),
            ["sources"] = List(survey.Sources, s => new JsonObject { ["path"] = s.Source.Path, ["weight"] = s.Source.Weight, ["rows"] = s.Rows, ["epoch_rows"] = s.EpochRows }),
            ["rows"] = survey.Rows, ["tokens"] = survey.Tokens, ["target_tokens"] = survey.TargetTokens, ["max_length"] = survey.Options.MaxLength,
            ["length"] = new JsonObject { ["min"] = survey.Lengths.Least, ["mean"] = survey.Lengths.Mean, ["median"] = survey.Lengths.Quantile(0.5), ["p95"] = survey.Lengths.Quantile(0.95), ["p99"] = survey.Lengths.Quantile(0.99), ["max"] = survey.Lengths.Most },
            ["histogram"] = List(survey.Lengths.Bins(), b => new JsonObject { ["from"] = b.From, ["to"] = b.To, ["rows"] = b.Rows }),
            ["truncated_rows"] = survey.TruncatedRows, ["bad_rows"] = survey.BadRows, ["rows_without_targets"] = survey.RowsWithoutTargets, ["rows_cut_to_nothing"] = survey.RowsCutToNothing,
            ["unused_keys"] = new JsonObject(survey.Unused.Select(u => KeyValuePair.Create(u.Key, (JsonNode?)u.Value))),
            ["duplicates"] = survey.Duplicates, ["duplicates_exact"] = survey.DuplicatesExact,
            ["eval_rows"] = survey.EvalRows, ["eval_bad_rows"] = survey.EvalBadRows, ["overlap_rows"] = survey.OverlapRows, ["overlap_exact"] = survey.OverlapRows is null ? null : survey.OverlapExact,
            ["notes"] = List(survey.Notes, n => JsonValue.Create(n)),
            ["samples"] = List(survey.Samples, s => new JsonObject
            {
                ["place"] = s.Place, ["format"] = s.Format, ["length"] = s.Length, ["full_length"] = s.FullLength, ["parts"] = List(s.Parts, p => new JsonObject { ["text"] = p.Text, ["trained"] = p.Trained }),
            }),
            ["errors"] = List(survey.Errors, e =>
            {
                var error = Error(e.Error);
                error["rows"] = e.Rows;
                return error;
            }),
        };
        if (refusal is not null) result["error"] = Error(refusal);
        return result;
    }

    private static JsonObject Error(BadInputException e) => new() { ["message"] = e.Message, ["value"] = e.Value, ["place"] = e.Place, ["expected"] = e.Expected, ["remedy"] = e.Remedy };
}
