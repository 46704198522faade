using LowRank.TestKit;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>What Jinja2 itself answers where ours once answered otherwise, or where its scopes surprise; errors by their kind.</summary>
public class TemplateSemanticsTests
{
    public static TheoryData<string, string> Answers => new()
    {
        { "{{ 0 / -1 }}", "-0.0" },
        { "{{ 7[1:2] is undefined }}", "True" },
        { "{{ dict(nowhere) }}", "!runtime" }, // Python asks for its keys, which an undefined value does not have
        { "{{ dict(nowhere, a=1) }}", "!runtime" },
        { "{{ namespace(nowhere) }}", "!runtime" },
        { "{{ dict([]) ~ dict({}) ~ dict([('a', 1)], b=2) ~ dict.fromkeys(nowhere) }}", "{}{}{'a': 1, 'b': 2}{}" },
        { "{% set n = 7 %}{{ n[1:] }}", "!runtime" },
        { "{{ d[1:] }}", "!runtime" },
        { "{% filter length %}abc{% endfilter %}", "!runtime" },
        { "{% call range(3) %}{% endcall %}", "!runtime" },
        { "{{ \"{:^+#08,.0G}\".format(-3) }}", "00-3.000" },
        { "{{ \"{:= #12b}\".format(7) }}", " 0b      111" },
        { "{{ \"{:0> #5.0%}\".format(0) }}", "0 0.%" },
        { "{{ \"{:=,n}\".format(1e3) }}", "!runtime" },
        { "{{ \"{:>-12}\".format(\"a\") }}", "!runtime" },
        { "{{ missing | attr(\"x\") }}", "!runtime" },
        { "{{ missing is callable }}", "True" },
        { "{{ xs[0:1, 2] }}", "!syntax" },
        { "{{ \"abc\" % missing }}", "abc" },
        { "{% block a %}x{{ n }}{% endblock %}{{ self.a() }}", "x7x7" },
        { "{% for x in xs %}{% break %}{% else %}e{% endfor %}", "e" },
        { "{% for x in xs %}{% continue %}{% else %}e{% endfor %}", "e" },
        { "{% for x in [1] %}{{ n }}{% endfor %}{% set n = 2 %}", "" },
        { "{% if no %}{% set n = 2 %}{% endif %}{{ n }}", "7" },
        { "{% for x in [1, 2] %}{{ q }}{% set q = x %}{% endfor %}", "" },
        { "{% set q = 0 %}{% for x in [1, 2] %}{{ q }}{% set q = x %}{{ q }}{% endfor %}{{ q }}", "01020" },
        { "{% macro m() %}{{ q }}{% endmacro %}{% set q = 1 %}{{ m() }}{% for q in [5] %}{{ m() }}{% endfor %}", "11" },
        { "{% with a = 1 %}{% with a = a + 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}{% endwith %}", "211" },
        { "{% for x in xs if loop is undefined %}{{ loop.index }}{{ loop.last }}{% endfor %}", "1False2False3True" },
        { "{% for x in xs recursive %}{{ x }}{{ loop.depth0 }}{{ loop([]) }}{% else %}-{% endfor %}", "30-10-20-" },
        { "{% set ns = namespace(a=1) %}{% set ns.b, c = 2, 3 %}{{ ns.b }}{{ c }}{{ ns }}", "23<Namespace {'a': 1, 'b': 2}>" },
        { "{% macro m(a, caller=none) %}{{ caller() if caller else \"no\" }}{% endmacro %}{{ m(1) }}{% call m(2) %}yes{% endcall %}", "noyes" },
        { "{{ [1, 2, 3, 4] | sum(start=0.5) ~ (\"a,b\" | replace(\",\", \";\")) }}", "10.5a;b" },
        { "{{ \"%-5s|%05d|%+.2e|%#x\" % (\"é😀\", -42, 12345.678, 255) }}", "é😀   |-0042|+1.23e+04|0xff" },
        { "{{ \"😀é中\"[1:] ~ \"😀é中\"[::-1] ~ \"😀é\"|length ~ \"a😀b\".find(\"b\") ~ \"a😀\".center(6, \"·\") }}", "é中中é😀22··a😀··" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public void As_jinja2_answers(string template, string expected)
    {
        var request = new ChatRequest { Messages = null, Variables = TemplateGoldens.Variables(TemplateGoldens.Read(Paths.Golden("templates/small.json"))) };
        string answer;
        try { answer = ChatTemplate.Parse(template).Render(request).Text; }
        catch (TemplateException e) { answer = "!" + (e.Kind == TemplateErrorKind.Undefined ? "runtime" : e.Kind.ToString().ToLowerInvariant()); }
        Assert.Equal(expected, answer);
    }
}
