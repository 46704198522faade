using System.Text.Json;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Running;
using LowRank.TestKit;
using LowRank.Text.Templates;

namespace LowRank.Bench;

/// <summary>A conversation of 20 turns, a question and an answer each, through published chat templates.</summary>
public class RenderBench
{
    private ChatTemplate _template = null!;
    private ChatRequest _request = null!;

    /// <summary>Templates of the goldens that take a plain conversation.</summary>
    public static IEnumerable<string> Names => ["axolotl-chatml", "axolotl-llama3", "axolotl-qwen3", "llamacpp-HuggingFaceTB-SmolLM3-3B", "llamacpp-Qwen3-Coder", "trl-gptoss", "trl-glm4moe"];

    /// <summary>The one that is timed.</summary>
    [ParamsSource(nameof(Names))]
    public string Name { get; set; } = "";

    /// <summary>Compiles the template.</summary>
    [GlobalSetup]
    public void Setup()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Paths.Golden("templates/real"), Name + ".json")));
        _template = ChatTemplate.Parse(golden.RootElement.GetProperty("template").GetString()!, Name);
        var messages = Enumerable.Range(0, 40).Select(i => new { role = i % 2 == 0 ? "user" : "assistant", content = $"Turn {i}: what of the {i} boats in the harbour, and is the tide \"high\"?\nTell me more." });
        _request = new ChatRequest
        {
            Messages = JsonSerializer.SerializeToElement(messages),
            AddGenerationPrompt = true,
            Variables = golden.RootElement.GetProperty("variables").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.Clone()),
        };
    }

    /// <summary>Renders.</summary>
    [Benchmark]
    public int Render() => _template.Render(_request).Text.Length;

    /// <summary>Runs all and prints the times.</summary>
    public static void Run()
    {
        var summary = BenchmarkRunner.Run<RenderBench>(BenchConfig.Make(once: false));
        Console.WriteLine("| template | 20 turns, microseconds | bytes allocated |");
        Console.WriteLine("| --- | --- | --- |");
        foreach (var report in summary.Reports)
            Console.WriteLine(FormattableString.Invariant($"| {report.BenchmarkCase.Parameters["Name"]} | {BenchConfig.Seconds(report) * 1e6:0} | {BenchConfig.Allocated(report)} |"));
    }
}
