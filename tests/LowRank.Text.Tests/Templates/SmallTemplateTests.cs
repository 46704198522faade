using System.Text.Json;
using LowRank.TestKit;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>The reference's answers to small templates (goldens/templates): text, spans and errors.</summary>
public class SmallTemplateTests
{
    [Fact]
    public void Every_case_equals_the_reference()
    {
        var file = TemplateGoldens.Read(Paths.Golden("templates/small.json"));
        var expected = TemplateGoldens.Read(Paths.Golden("templates/small-expected.json"));
        var cases = file.GetProperty("cases").EnumerateArray().ToList();
        var answers = expected.EnumerateArray().ToList();
        Assert.Equal(answers.Count, cases.Count);
        List<string> wrong = [];
        for (int i = 0; i < cases.Count; i++)
        {
            string template = cases[i].GetProperty("template").GetString()!;
            var request = new ChatRequest { Messages = null, Variables = TemplateGoldens.Variables(file, cases[i]), Now = TemplateGoldens.Now(file) };
            if (TemplateGoldens.Difference(() => ChatTemplate.Parse(template).Render(request), answers[i]) is { } difference)
                wrong.Add($"{answers[i].GetProperty("group")}: {(template.Length > 200 ? template[..200] : template)}\n      {difference}");
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {cases.Count} differ:\n" + string.Join('\n', wrong));
    }
}
