using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.Chat;
using Xunit;

namespace LowRank.Text.Tests.Chat;

/// <summary>One list of ends and one template for all that asks; an adapter's own stand in for the model's.</summary>
public sealed class TextConventionsTests
{
    private const string Turns =
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}[a]{% endif %}";
    private static readonly string Letters = string.Join(", ", Enumerable.Range(0, 26).Select(i => $"\"{(char)('a' + i)}\": {i + 3}"));
    private readonly string _model = Paths.Temporary(), _adapter = Paths.Temporary();

    // Ids 0 to 2 are <|end|>, <|pad|> and <|x|>, then letters.
    private static string TokenizerJson(string third = "<|x|>", string more = "") => $$"""
        {"added_tokens": [{{Special(0, "<|end|>")}}, {{Special(1, "<|pad|>")}}, {{Special(2, third)}}{{more}}],
         "model": {"type": "BPE", "vocab": {"<|end|>": 0, "<|pad|>": 1, "{{third}}": 2, {{Letters}} }, "merges": []} }
        """;

    private static string Special(int id, string content)
        => $$"""{"id": {{id}}, "content": "{{content}}", "lstrip": false, "rstrip": false, "normalized": false, "special": true}""";

    private TextConventionsTests Model(string config = """{"eos_token": "<|pad|>"}""")
    {
        Write(_model, "tokenizer.json", TokenizerJson());
        Write(_model, "tokenizer_config.json", config);
        return this;
    }

    private static string Write(string folder, string name, string text)
    {
        string path = Path.Combine(Directory.CreateDirectory(folder).FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private TextConventions Of(string? template = null, params string[] adapters)
        => TextConventions.Of(_model, adapters, template, "chat_template");

    private static string Asked(TextConventions texts)
        => texts.RequireChat().Render(PrefixRuleTests.Request("""[{"role":"user","content":"hi"}]""") with { AddGenerationPrompt = true }).Text;

    [Fact]
    public void Ends_are_the_tokenizer_s_the_configuration_s_the_template_s_and_the_adapter_s()
    {
        Model();
        Assert.Equal([1], Of().EndIds);
        Assert.Equal([1, 0], Of(Write(_adapter, "t.jinja", Turns)).EndIds);
        Write(_model, "config.json", """{"eos_token_id": 4}""");
        Assert.Equal([1, 4], Of().EndIds);
        Write(_model, "generation_config.json", """{"eos_token_id": [5, 1]}"""); // as in Transformers, instead of config.json's
        Assert.Equal([1, 5], Of().EndIds);
        Write(_adapter, "generation_config.json", """{"eos_token_id": [2, 999]}""");
        Write(_adapter, "tokenizer_config.json", """{"eos_token": "<|end|>"}""");
        Assert.Equal([1, 5, 0, 2], Of(null, _adapter).EndIds);
        Assert.Equal([$"{_adapter} ends texts with 999 as well, which the model's tokenizer, which is used, does not have: "
            + "its ids are below 29."], Of(null, _adapter).Notices);
        File.Delete(Path.Combine(_model, "tokenizer.json"));
        Assert.Equal([5, 1, 2, 999], Of(null, _adapter).EndIds); // ids alone, of a model without a tokenizer
    }

    [Fact]
    public void An_adapter_s_template_is_used_and_told_unless_another_is_named()
    {
        Model("""{"eos_token": "<|pad|>", "chat_template": "{{ messages[0].content }}!"}""");
        Assert.Equal("hi!", Asked(Of()));
        string place = Write(_adapter, "chat_template.jinja", Turns);
        var used = Of(null, _adapter);
        Assert.Equal("[user]hi<|end|>[a]", Asked(used));
        Assert.Equal(place, used.TemplatePlace);
        Assert.Equal([1, 0], used.EndIds);
        Assert.Equal([$"The chat template is the adapter's own, {place}; it differs from the model's."], used.Notices);
        string named = Write(_adapter, "named.jinja", "{{ messages[0].content }}?");
        Assert.Equal("hi?", Asked(Of(named, _adapter)));
        Assert.Contains("is not used: chat_template names", Assert.Single(Of(named, _adapter).Notices), StringComparison.Ordinal);
        Assert.Null(Of("none", _adapter).Chat);

        string second = Paths.Temporary();
        Write(second, "chat_template.jinja", Turns);
        Assert.Equal("[user]hi<|end|>[a]", Asked(Of(null, _adapter, second))); // they agree
        Write(second, "chat_template.jinja", Turns + " ");
        var error = Assert.Throws<BadInputException>(() => Of(null, _adapter, second));
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
        Assert.Contains(second, error.Message, StringComparison.Ordinal);
        Assert.Equal("[user]hi<|end|>[a]", Asked(Of(_adapter, _adapter, second)));
    }

    [Fact]
    public void What_an_adapter_s_folder_calls_special_goes_with_its_template()
    {
        Model();
        Write(_adapter, "tokenizer_config.json",
            """{"eos_token": "<|x|>", "pad_token": "<|nowhere|>", "chat_template": "{{ messages[0].content }}{{ eos_token }}"}""");
        var texts = Of(null, _adapter);
        Assert.Equal("hi<|x|>", Asked(texts));
        Assert.Contains(texts.Notices, n => n.Contains("\"<|nowhere|>\"", StringComparison.Ordinal));

        string next = Paths.Temporary(); // an adapter trained from it
        texts.Save(next);
        Assert.Equal("hi<|x|>", Asked(Of(null, next)));
        Assert.Equal([1, 2], Of(null, next).EndIds);
    }

    [Fact]
    public void Templates_and_ends_are_written_beside_an_adapter_and_into_a_model()
    {
        Model("""
            {"eos_token": "<|pad|>", "chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]}
            """);
        Of().Save(_adapter);
        Assert.Equal("a", File.ReadAllText(Path.Combine(_adapter, "chat_template.jinja")));
        Assert.Equal("b", File.ReadAllText(Path.Combine(_adapter, "additional_chat_templates", "tool_use.jinja")));
        Assert.Empty(Of(null, _adapter).Notices); // the same as the model's

        string merged = Paths.Temporary(), template = Write(Paths.Temporary(), "t.jinja", Turns);
        foreach (string file in (string[])["tokenizer.json", "tokenizer_config.json"])
            File.Copy(Path.Combine(_model, file), Path.Combine(merged, file));
        Of().Save(merged);
        Assert.False(File.Exists(Path.Combine(merged, "chat_template.jinja"))); // what is said already stays
        Write(merged, "config.json", "{}");
        Write(merged, "generation_config.json", """{"eos_token_id": 1, "temperature": 0.5}""");
        Of(template).Save(merged);
        Assert.Equal([1, 0], TextConventions.Of(merged).EndIds);
        Assert.Equal("[user]hi<|end|>[a]", Asked(TextConventions.Of(merged)));
        var generation = JsonNode.Parse(File.ReadAllText(Path.Combine(merged, "generation_config.json")))!;
        Assert.Equal((0.5, "[1,0]"), ((double)generation["temperature"]!, generation["eos_token_id"]!.ToJsonString()));
    }

    [Theory]
    [InlineData("a\n {% if %}", "does not compile", "line 2, column 8")]
    [InlineData("{{ messages[0].content + 1 }}", "fails on every conversation", "line 1, column 24")]
    [InlineData("{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content.no.thing }}{% endif %}{% endfor %}", "fails on every conversation", "line 1, column 69")]
    public void A_faulty_template_is_told_at_once_with_its_file(string template, string said, string at)
    {
        Model($$"""{"chat_template": {{JsonValue.Create(template).ToJsonString()}}}""");
        var error = Assert.Throws<BadInputException>(() => Of());
        string place = $"{Path.Combine(_model, "tokenizer_config.json")}: chat_template, {at}";
        Assert.StartsWith($"{place}: the chat template {said}", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("chat_template none.", error.Message, StringComparison.Ordinal);
        Assert.Null(Of("none").Chat);
        string file = Write(_adapter, "chat_template.jinja", template);
        Assert.StartsWith($"{file}, {at}: ", Assert.Throws<BadInputException>(() => Of(null, _adapter)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_that_refuses_some_conversations_is_none_of_those()
    {
        Model("""{"chat_template": "{% if not documents %}{{ raise_exception('documents, please') }}{% endif %}x"}""");
        Assert.Contains("documents, please", Assert.Throws<BadInputException>(() => Asked(Of())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_s_name_that_nothing_has_is_blamed_on_what_gave_it()
    {
        var error = Assert.Throws<BadInputException>(() => Model().Of("nowhere.jinja"));
        Assert.StartsWith("chat_template: there is no such chat template (got nowhere.jinja)", error.Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(_model, "tokenizer.json"));
        error = Assert.Throws<BadInputException>(() => Of(Write(_adapter, "t.jinja", Turns)));
        Assert.Contains("needs a tokenizer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_with_another_vocabulary_is_refused_and_one_with_more_tokens_told()
    {
        Model();
        Write(_adapter, "tokenizer.json", TokenizerJson());
        Assert.Empty(Of(null, _adapter).Notices);
        Write(_adapter, "tokenizer.json", TokenizerJson(more: ", " + Special(29, "<|tool|>")));
        Assert.Contains("\"<|tool|>\"", Assert.Single(Of(null, _adapter).Notices), StringComparison.Ordinal);
        Write(_adapter, "tokenizer.json", TokenizerJson("<|y|>"));
        var error = Assert.Throws<BadInputException>(() => Of(null, _adapter));
        Assert.Contains("2 is \"<|y|>\" there and \"<|x|>\" in the model's", error.Message, StringComparison.Ordinal);
    }
}
