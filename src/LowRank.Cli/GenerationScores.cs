using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Tensors;
using LowRank.Training;

namespace LowRank.Cli;

/// <summary>How generated texts compare with the references.</summary>
/// <param name="ExactMatch">Share of inputs whose text is one of its references, outer blanks aside.</param>
/// <param name="Bleu">Corpus BLEU against all references, 0 to 100, as sacrebleu's default.</param>
/// <param name="RougeL">Mean of the best ROUGE-L F-measure over an input's references, with stemming off.</param>
/// <param name="Inputs">Inputs generated for.</param>
internal sealed record GenerationScores(double ExactMatch, double Bleu, double RougeL, int Inputs)
{
    /// <summary>The file of generated texts.</summary>
    public static readonly OutputKind Predictions = OutputKind.Rows("file of predictions", "prompt", "text", "references");

    /// <summary>Generates for the distinct prompts of a data file and scores the texts; writes them to a file if asked.</summary>
    public static GenerationScores Run(Session session, RowSet data, GenerationOptions options, int limit = 0, string? predictions = null)
    {
        var prompts = data.Prompts().Take(limit > 0 ? limit : int.MaxValue).ToList();
        if (prompts.Count == 0) throw new BadInputException("there are no prompts to generate from", place: data.Path, expected: "rows with prompt and completion");
        var answers = Answers(session, prompts, options);
        if (predictions is not null)
            AtomicFile.WriteText(predictions, string.Concat(prompts.Select((p, i) => new JsonObject { ["prompt"] = p.Prompt, ["text"] = answers[i], ["references"] = new JsonArray([.. p.References.Select(r => (JsonNode)r)]) }.ToJsonString() + "\n")));
        return Of(answers, prompts);
    }

    /// <summary>The texts generated for prompts, outer blanks taken off.</summary>
    public static IReadOnlyList<string> Answers(Session session, IReadOnlyList<PromptReferences> prompts, GenerationOptions options, string? adapter = null)
        => [.. new Generator(session.Model, session.Tokenizer, session.Host)
            .Generate([.. prompts.Select(p => new GenerationRequest(p.PromptIds, adapter))], options, stop: CommandLine.Stop).Select(r => r.Text!.Trim())];

    /// <summary>Scores texts.</summary>
    public static GenerationScores Of(IReadOnlyList<string> answers, IReadOnlyList<PromptReferences> prompts)
    {
        var references = prompts.Select(p => (IReadOnlyList<string>)[.. p.References.Select(r => r.Trim())]).ToList();
        var rouge = new Rouge();
        return new(
            answers.Zip(references).Average(x => Training.ExactMatch.Plain(x.First, x.Second)),
            new Bleu().Corpus(answers, references).Score,
            answers.Zip(references).Average(x => Rouge.Best(x.Second, r => rouge.L(x.First, r)).FMeasure),
            answers.Count);
    }
}
