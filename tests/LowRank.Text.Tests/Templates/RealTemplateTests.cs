using System.Text.Json;
using LowRank.TestKit;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>Real templates with the goldens' conversations: text, spans and errors equal the reference's.</summary>
public class RealTemplateTests(ITestOutputHelper output)
{
    [Fact]
    public void Committed_templates_equal_the_reference() => CheckAll(Directory.EnumerateFiles(Paths.Golden("templates/real"), "*.json"), atLeast: 80);

    [Fact]
    public void Templates_of_packages_equal_the_reference()
    {
        var files = Directory.EnumerateFiles(Paths.Shared("goldens/templates/real"), "*.json").Where(f => TemplateGoldens.Optional(TemplateGoldens.Read(f), "template") is null);
        CheckAll(files, atLeast: 3);
    }

    private void CheckAll(IEnumerable<string> files, int atLeast)
    {
        var chats = TemplateGoldens.Read(Paths.Golden("templates/chats.json"));
        var requests = chats.GetProperty("cases").EnumerateArray().ToDictionary(c => c.GetProperty("name").GetString()!);
        List<string> wrong = [];
        int count = 0, cases = 0;
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            var real = TemplateGoldens.Read(file);
            var template = ChatTemplate.Parse(NpmTemplates.SourceOf(real), Path.GetFileNameWithoutExtension(file));
            count++;
            foreach (var expected in real.GetProperty("cases").EnumerateArray())
            {
                string name = expected.GetProperty("chat").GetString()!;
                var request = TemplateGoldens.Chat(requests[name], real, TemplateGoldens.Now(chats));
                if (TemplateGoldens.Difference(() => template.Render(request), expected) is { } difference) wrong.Add($"{template.Name} {name}: {difference}");
                cases++;
            }
        }
        output.WriteLine($"{count} templates, {cases} cases");
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {cases} differ:\n" + string.Join('\n', wrong.Take(40)));
        Assert.True(count >= atLeast, $"only {count} templates were compared");
    }
}
