using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Cli.Verbs;

/// <summary>`quickstart`: the whole story on the embedded model, with real numbers as it goes.</summary>
internal static class QuickstartVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> output = new("--output") { Description = "the folder to leave for looking into; without it, quickstart or the next free name" };
        Option<bool> full = new("--compare-full") { Description = "run full fine-tuning to its end as well, not only a few steps" };
        Option<int> steps = new("--steps") { Description = "training steps of the adapter", DefaultValueFactory = _ => 300 };
        Option<bool> force = new("--force") { Description = "replace an existing folder" };
        var verb = new Command("quickstart", "The whole story on the embedded model: answers, fine-tune, adapted answers, strength, swap, merge.") { output, full, steps, force };
        common.AddTo(verb, model: false);
        foreach (var unused in (Option[])[common.Dtype, common.Quantize]) verb.Options.Remove(unused); // its numbers are those of float32
        verb.SetAction(parsed =>
        {
            bool json = parsed.GetValue(common.Json);
            string folder = parsed.GetValue(output) ?? FreeName("quickstart");
            if (parsed.GetValue(steps) < 1) throw new BadInputException("a value out of range", $"{parsed.GetValue(steps)}", "--steps", "1 or more");
            using var held = OutputPlace.Claim(folder, OutputKind.Quickstart, parsed.GetValue(force), [new(ModelPlace.Assets, "the program's own model")]);
            var device = common.Prepare(parsed);
            var story = new QuickstartStory(folder, parsed.GetValue(force), device, parsed.GetValue(steps), parsed.GetValue(full), parsed.GetValue(common.Quiet), parsed.GetValue(common.Seed), text => Output.Line(json, text));
            if (story.Tell() is not { } numbers) return 130;
            if (json) Output.Json(numbers);
            return 0;
        });
        return verb;
    }

    private static string FreeName(string name)
        => Enumerable.Range(1, 10_000).Select(i => i == 1 ? name : $"{name}-{i}").First(n => !Directory.Exists(n) && !File.Exists(n));
}
