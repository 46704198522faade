using System.Diagnostics;
using System.Text.Json;
using LowRank.TestKit;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>How long a rendering takes: printed, not judged.</summary>
public class TemplateSpeedTests(ITestOutputHelper output)
{
    [Fact]
    public void Twenty_turns_with_real_templates()
    {
        var messages = JsonSerializer.SerializeToElement(Enumerable.Range(0, 40).Select(i => new { role = i % 2 == 0 ? "user" : "assistant", content = $"Turn {i}: " + string.Concat(Enumerable.Repeat("some words of a usual answer, ", 10)) }));
        foreach (string name in (string[])["trl-qwen3", "trl-llama3_2", "trl-gptoss", "axolotl-chatml", "llamacpp-HuggingFaceTB-SmolLM3-3B"])
        {
            var real = TemplateGoldens.Read(Paths.Golden($"templates/real/{name}.json"));
            var template = ChatTemplate.Parse(real.GetProperty("template").GetString()!);
            var request = new ChatRequest { Messages = messages, AddGenerationPrompt = true, Variables = TemplateGoldens.Variables(real), Now = DateTime.UnixEpoch };
            string text = template.Render(request).Text;
            var best = TimeSpan.MaxValue;
            for (int round = 0; round < 20; round++)
            {
                var clock = Stopwatch.StartNew();
                for (int i = 0; i < 50; i++) Assert.Equal(text.Length, template.Render(request).Text.Length);
                if (clock.Elapsed / 50 < best) best = clock.Elapsed / 50;
            }
            output.WriteLine($"{name}: 40 messages, {text.Length} characters: {best.TotalMicroseconds:0} µs");
        }
    }
}
