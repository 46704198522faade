using System.Globalization;
using System.Text;
using System.Text.Json;
using LowRank.TestKit;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>Templates made of the goldens' pieces at random: every one gives a text or a <see cref="TemplateException"/>.</summary>
public class TemplateFuzzTests(ITestOutputHelper output)
{
    private static readonly string[] Marks = ["{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "(", ")", "[", "]", "{", "}", "|", ".", ",", ":", "'", "\"", "\\", "\n", " ", "~", "**", "//", "%", "==", " in ", " is ", " not ", " if ", " else ", "{% endif %}", "{% endfor %}", "{% else %}", "loop", "9999999999", "1e308", "\0", "é", "😀", "\ud83d", "\r\n"];

    [Fact]
    public void Mutated_templates_end_in_a_text_or_an_error()
    {
        int count = int.Parse(Environment.GetEnvironmentVariable("LOWRANK_FUZZ") ?? "2000", CultureInfo.InvariantCulture);
        var file = TemplateGoldens.Read(Paths.Golden("templates/small.json"));
        string[] sources = [.. file.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("template").GetString()!).Where(t => t.Length < 500),
            .. Directory.EnumerateFiles(Paths.Golden("templates/real"), "*.json").Order(StringComparer.Ordinal).Select(f => TemplateGoldens.Read(f).GetProperty("template").GetString()!)];
        var chats = TemplateGoldens.Read(Paths.Golden("templates/chats.json")).GetProperty("cases").EnumerateArray().ToArray();
        var variables = TemplateGoldens.Variables(file);
        var random = new Random(int.Parse(Environment.GetEnvironmentVariable("LOWRANK_SEED") ?? "20260101", CultureInfo.InvariantCulture));
        int texts = 0, errors = 0;
        for (int i = 0; i < count; i++)
        {
            string template = Mutated(sources, random);
            var chat = chats[random.Next(chats.Length)];
            var request = new ChatRequest { Messages = random.Next(2) == 0 ? null : chat.GetProperty("messages"), Tools = TemplateGoldens.Optional(chat, "tools"), Variables = variables, Now = DateTime.UnixEpoch };
            try
            {
                ChatTemplate.Parse(template).Render(request);
                texts++;
            }
            catch (TemplateException e)
            {
                Assert.True(e.Line > 0 && e.Column > 0, $"no place: {e.Message}");
                errors++;
            }
            catch (Exception e) { Assert.Fail($"template {i}: {JsonSerializer.Serialize(template)}\n{e}"); }
        }
        output.WriteLine($"{texts} texts, {errors} errors");
        Assert.True(texts > 0 && errors > 0);
    }

    private static string Mutated(string[] sources, Random random)
    {
        var text = new StringBuilder(Piece(sources, random));
        for (int n = random.Next(5); n > 0; n--)
        {
            int at = random.Next(text.Length + 1), length = Math.Min(random.Next(20), text.Length - at);
            switch (random.Next(5))
            {
                case 0: text.Remove(at, length); break;
                case 1: text.Insert(at, Marks[random.Next(Marks.Length)]); break;
                case 2: text.Insert(at, Piece(sources, random)); break;
                case 3: text.Remove(at, length).Insert(at, Marks[random.Next(Marks.Length)]); break;
                case 4: text.Insert(at, text.ToString(at, length)); break;
            }
        }
        return text.ToString();
    }

    /// <summary>A whole template, mostly a small one, or a part of one.</summary>
    private static string Piece(string[] sources, Random random)
    {
        string source = sources[random.Next(random.Next(10) == 0 ? sources.Length : Math.Min(sources.Length, 600))];
        if (random.Next(3) > 0) return source;
        int start = random.Next(source.Length + 1);
        return source.Substring(start, random.Next(source.Length - start + 1));
    }
}
