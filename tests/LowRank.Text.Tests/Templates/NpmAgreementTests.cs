using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.TestKit;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>Real templates over random conversations, against the engine of npm's @huggingface/jinja.</summary>
public class NpmAgreementTests(ITestOutputHelper output)
{
    private const string Package = "@huggingface/jinja@0.5.11";

    [Fact]
    public void Random_conversations_render_alike()
    {
        if (NpmPackages.Missing(Package) is { } missing) Assert.Skip(missing);
        int each = int.Parse(Environment.GetEnvironmentVariable("LOWRANK_FUZZ") ?? "800", CultureInfo.InvariantCulture) / 40;
        var random = new Random(int.Parse(Environment.GetEnvironmentVariable("LOWRANK_SEED") ?? "1", CultureInfo.InvariantCulture));
        var conversations = new Conversations(random);
        List<(string Name, string Template, JsonObject Variables)> cases = [];
        foreach (string file in Directory.EnumerateFiles(Paths.Golden("templates/real"), "*.json").Order(StringComparer.Ordinal))
        {
            var real = TemplateGoldens.Read(file);
            for (int i = 0; i < each; i++)
            {
                var variables = conversations.Next();
                foreach (var p in real.GetProperty("variables").EnumerateObject()) variables[p.Name] = JsonNode.Parse(p.Value.GetRawText());
                cases.Add((Path.GetFileNameWithoutExtension(file), real.GetProperty("template").GetString()!, variables));
            }
        }
        var theirs = Theirs(cases);
        int equal = 0, bothFail = 0;
        Dictionary<string, int> explained = [];
        List<string> open = [];
        for (int i = 0; i < cases.Count; i++)
        {
            var (name, source, variables) = cases[i];
            string? text = null, error = null;
            try { text = ChatTemplate.Parse(source).Render(new ChatRequest { Messages = null, Variables = variables.ToDictionary(v => v.Key, v => JsonSerializer.SerializeToElement(v.Value)), Now = DateTime.UtcNow }).Text; }
            catch (TemplateException e) { error = $"{e.Kind}: {e.Reason}"; }
            string? other = (string?)theirs[i]!["text"], otherError = (string?)theirs[i]!["error"];
            if (text is not null && text == other) equal++;
            else if (text is null && other is null) bothFail++;
            else if (Differences.Reason(source, text, error, other, otherError) is { } reason) explained[reason] = explained.GetValueOrDefault(reason) + 1;
            else open.Add($"{name}: ours {Shown(text, other) ?? error}\n   theirs {Shown(other, text) ?? otherError}\n   of {variables.ToJsonString()[..Math.Min(300, variables.ToJsonString().Length)]}");
        }
        output.WriteLine($"{cases.Count} renderings: {equal} equal, {bothFail} fail in both, {explained.Values.Sum()} explained, {open.Count} open");
        foreach (var (reason, count) in explained.OrderByDescending(e => e.Value)) output.WriteLine($"  {count} x {reason}");
        Assert.True(open.Count == 0, $"{open.Count} open:\n" + string.Join('\n', open.DistinctBy(o => o[..Math.Min(o.Length, 60)]).Take(30)));
    }

    private static JsonArray Theirs(List<(string, string Template, JsonObject Variables)> cases)
    {
        string input = Path.Combine(Paths.Temporary(), "cases.json");
        File.WriteAllText(input, new JsonObject { ["cases"] = new JsonArray([.. cases.Select(c => new JsonObject { ["template"] = c.Template, ["variables"] = c.Variables.DeepClone() })]) }.ToJsonString());
        var start = new ProcessStartInfo("node", [NpmPackages.Script("render.cjs"), Path.Combine(Path.GetDirectoryName(NpmPackages.Script("render.cjs"))!, "cache", Package), input]) { RedirectStandardOutput = true };
        start.Environment["TZ"] = "UTC";
        using var process = Process.Start(start)!;
        return JsonNode.Parse(process.StandardOutput.ReadToEnd())!.AsArray();
    }

    private static string? Shown(string? text, string? other)
    {
        if (text is null) return null;
        int at = other is null ? 0 : text.AsSpan().CommonPrefixLength(other);
        int start = Math.Max(0, at - 40);
        return $"at {at} of {text.Length}: {JsonSerializer.Serialize(text.Substring(start, Math.Min(160, text.Length - start)))}";
    }
}
