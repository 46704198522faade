using LowRank;
using LowRank.Inference;
using LowRank.Models;
using LowRank.Text;

namespace LowRankDocs;

internal static class EmbeddedModel
{
    /// <summary>README's model example; gives the base's and the adapted answer.</summary>
    public static (string Base, string Adapted) Run()
    {
        // README: from here
        const string outlet = "src/LowRank.Cli/Assets/outlet"; // or another Hugging Face folder, or a .gguf file
        using var model = ModelLoader.Load(outlet);
        var tokenizer = Tokenizer.FromFolder(outlet);
        var host = AdapterHost.Attach(model);
        host.Load("british", outlet + "/adapters/british");

        var generator = new Generator(model, tokenizer, host);
        var prompt = new GenerationRequest(tokenizer.Encode("appliance[kettle] volts[230] city[Lyon] opens[14:30] date[3 November 2026] temperature_c[21] distance_km[2.5]"));
        var options = new GenerationOptions { Greedy = true, MaxNewTokens = 64, EndIds = tokenizer.EosIds };

        host.Activate(); // no adapter: the base answers
        string european = generator.Generate([prompt], options)[0].Text!;
        host.Activate(("british", 1));
        string british = generator.Generate([prompt], options)[0].Text!;
        Console.WriteLine(european + "\n" + british);
        host.Detach();
        // README: to here
        return (european, british);
    }
}
