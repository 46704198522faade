using System.Text.Json;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>A template from a stranger ends in an error, not in a hang, a full memory or a full stack.</summary>
public class TemplateLimitTests
{
    private static readonly string Nested = string.Concat(Enumerable.Repeat("[", 5000));

    public static TheoryData<string, TemplateErrorKind> Endless => new()
    {
        { "{{ " + Nested + string.Concat(Enumerable.Repeat("]", 5000)) + " }}", TemplateErrorKind.Runtime },
        { "{{ " + string.Concat(Enumerable.Repeat("not ", 20000)) + "1 }}", TemplateErrorKind.Runtime },
        { "{{ " + string.Concat(Enumerable.Repeat("-", 20000)) + "1 }}", TemplateErrorKind.Runtime },
        { "{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 20000)) + " }}", TemplateErrorKind.Runtime },
        { "{{ x" + string.Concat(Enumerable.Repeat(".a", 20000)) + " }}", TemplateErrorKind.Runtime },
        { "{{ x" + string.Concat(Enumerable.Repeat("|e", 20000)) + " }}", TemplateErrorKind.Runtime },
        { "{{ 1" + string.Concat(Enumerable.Repeat(" if 1 else 1", 20000)) + " }}", TemplateErrorKind.Runtime },
        { string.Concat(Enumerable.Repeat("{% if 1 %}", 5000)) + string.Concat(Enumerable.Repeat("{% endif %}", 5000)), TemplateErrorKind.Runtime },
        { "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", TemplateErrorKind.Runtime },
        { "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}", TemplateErrorKind.Runtime },
        { "{% block a %}{{ self.a() }}{% endblock %}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(l=[], k=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% set ns.k = [ns.k] %}{% endfor %}{{ ns.l == ns.k }}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(t=(1,), u=(1,)) %}{% for i in range(64) %}{% set ns.t = (ns.t, ns.t) %}{% set ns.u = (ns.u, ns.u) %}{% endfor %}{{ ns.t == ns.u }}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(t=(1,)) %}{% for i in range(64) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ {ns.t: 1} }}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(t=['x']) %}{% for i in range(64) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t }}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(t=['x']) %}{% for i in range(64) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t | pprint }}", TemplateErrorKind.Runtime },
        { "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", TemplateErrorKind.Runtime },
        { "{% for i in range(99999) %}{{ 'x' * 10000 }}{% endfor %}", TemplateErrorKind.Runtime },
        { "{% set n = 3 ** 10000 %}{% for i in range(99999) %}{% set m = n * n %}{% endfor %}", TemplateErrorKind.Runtime }, // integers of a thousand words: dear steps
        { "{% set n = 3 ** 20000 %}{% set k = 7 ** 5000 %}{% for i in range(99999) %}{% set m = n // k %}{% set m = n % k %}{% endfor %}", TemplateErrorKind.Runtime },
        { "{% for i in range(99999) %}{% set m = 3 ** 20000 %}{% endfor %}", TemplateErrorKind.Runtime },
        { "{{ 'x' * 10 ** 12 }}", TemplateErrorKind.Runtime },
        { "{{ [1] * 10 ** 12 }}", TemplateErrorKind.Runtime },
        { "{{ 2 ** (10 ** 9) }}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('a', ns.s) %}{% endfor %}", TemplateErrorKind.Runtime },
        { "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s.join([ns.s] * 9) %}{% endfor %}", TemplateErrorKind.Runtime },
        { "{{ '%999999999d' % 1 }}", TemplateErrorKind.Runtime },
        { "{{ '%.999999999f' % 1.5 }}", TemplateErrorKind.Runtime },
        { "{{ '{:999999999}'.format(1) }}", TemplateErrorKind.Runtime },
        { "{{ '{:{w}}'.format(1, w=10**9) }}", TemplateErrorKind.Runtime },
        { "{{ 'a'.center(10**10) }}{{ 'a'.zfill(10**10) }}", TemplateErrorKind.Runtime },
        { "{{ 'a\tb'.expandtabs(10**9) }}", TemplateErrorKind.Runtime },
        { "{{ 'a\nb' | indent(10**9) }}", TemplateErrorKind.Runtime },
        { "{{ [[1]] | tojson(indent='x' * 10000000) }}{{ [1] | batch(10**9, 1) | list }}", TemplateErrorKind.Runtime },
        { "{{ [1] | slice(10**9) | list }}", TemplateErrorKind.Runtime },
        { "{{ range(10**6) }}", TemplateErrorKind.Security },
        { "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}", TemplateErrorKind.Runtime },
    };

    [Theory]
    [MemberData(nameof(Endless), DisableDiscoveryEnumeration = true)]
    public void Endless_work_ends_in_an_error(string template, TemplateErrorKind kind)
    {
        var error = Assert.Throws<TemplateException>(() => ChatTemplate.Parse(template).Render(new ChatRequest { Messages = null }));
        Assert.Equal(kind, error.Kind);
    }

    [Fact]
    public void A_small_stack_is_enough_to_refuse()
    {
        // The deepest macros within the deepest brackets, on a thread with little room.
        string deep = "{% macro m(n) %}" + string.Concat(Enumerable.Repeat("{% if 1 %}", 100)) + "{{ " + new string('(', 40) + "m(n + 1)" + new string(')', 40) + " }}" + string.Concat(Enumerable.Repeat("{% endif %}", 100)) + "{% endmacro %}{{ m(0) }}";
        Exception? seen = null;
        var thread = new Thread(() => seen = Record.Exception(() => ChatTemplate.Parse(deep).Render(new ChatRequest { Messages = null })), 512 * 1024);
        thread.Start();
        thread.Join();
        Assert.Equal(TemplateErrorKind.Runtime, Assert.IsType<TemplateException>(seen).Kind);
    }

    [Fact]
    public void Errors_name_their_place()
    {
        var syntax = Assert.Throws<TemplateException>(() => ChatTemplate.Parse("a\nb {{ 1 + }}", "x.jinja"));
        Assert.Equal((2, 10, "x.jinja, line 2, column 10: unexpected 'end of print statement'"), (syntax.Line, syntax.Column, syntax.Message));
        var template = ChatTemplate.Parse("{% for m in messages %}\r\n  {{ m.content.nope.more }}{% endfor %}");
        var error = Assert.Throws<TemplateException>(() => template.Render(new ChatRequest { Messages = JsonSerializer.SerializeToElement(new[] { new { content = "x" } }) }));
        Assert.Equal((TemplateErrorKind.Undefined, 2, 20, "'str object' has no attribute 'nope'"), (error.Kind, error.Line, error.Column, error.Reason));
    }
}
