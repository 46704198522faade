using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>.csv and .tsv as spreadsheets and libraries write them.</summary>
public class DelimitedTests
{
    [Theory]
    [InlineData("x.csv", "prompt;completion\nHello, you;b\n", "Hello, you|b", 2)]
    [InlineData("x.csv", "prompt\tcompletion\na, b\tc\n", "a, b|c", 2)]
    [InlineData("x.csv", "prompt|completion\na|b\n", "a|b", 2)]
    [InlineData("x.tsv", "prompt,completion\na,b\n", "a|b", 2)]
    [InlineData("x.csv", "sep=;\nprompt;completion\na,x;b\n", "a,x|b", 3)]
    [InlineData("x.csv", "\"sep=,\"\r\nprompt,completion\r\na,b\r\n", "a|b", 3)]
    [InlineData("x.csv", "prompt,\"completion;\"\na;,b\n", "a;|b", 2)]
    [InlineData("x.csv", ",prompt,completion\n0,a,b\n", "a|b", 2)] // pandas' index
    [InlineData("x.csv", "prompt,completion,\na,b,\n", "a|b", 2)]
    [InlineData("x.csv", "prompt,completion\r1.0,007\r", "1.0|007", 2)] // as written
    public void Fields_are_parted_by_what_the_names_have_between_them(string name, string content, string values, int line)
    {
        var row = Assert.Single(Raw(Write(name, content)));
        Assert.Equal((values, $"{name}:{line}"), (string.Join('|', row.Json.AsObject().Select(p => (string)p.Value!)), row.Place));
    }

    [Theory]
    [InlineData("prompt, completion\na, b\n", "blanks around it", "\" completion\"", 1)]
    [InlineData("a,b\n1,2\na,b\n3,4\n", "once more", null, 3)]
    [InlineData("a,b\n1,2\n\uFEFFa,b\n", "once more", null, 3)]
    [InlineData(",a\nx,1\n", "a column without a name", "\"x\", column 1", 2)]
    [InlineData("a,b\n\"say \\\"hi\\\"\",2\n", "a backslash before a quotation mark", null, 2)]
    [InlineData("a,b\nA 5\" pipe,2\n", "within a field", null, 2)]
    [InlineData(",\n1,2\n", "name the columns", "a blank line", 1)]
    public void What_would_be_read_otherwise_than_meant_is_named(string content, string says, string? value, int line)
    {
        var error = Refused(Write("x.csv", content));
        Assert.Contains(says, error.Problem);
        Assert.Equal(value, error.Value);
        Assert.EndsWith($"x.csv:{line}", error.Place);
    }
}
