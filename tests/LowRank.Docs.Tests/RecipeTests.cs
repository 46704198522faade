using LowRank.TestKit;
using LowRank.Training;

namespace LowRank.Docs.Tests;

/// <summary>The recipes bind: every key exists, every value is in range, no rule is broken.</summary>
public class RecipeTests
{
    public static TheoryData<string> Recipes() => [.. Markdown.Files(".yaml").Where(f => f.StartsWith("configs/", StringComparison.Ordinal) || f.StartsWith("samples/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_recipe_binds(string file)
    {
        var tree = SettingsBinder.ReadYaml(Path.Combine(Paths.Root, file));
        string exists = Path.Combine(Paths.Root, "src/LowRank.Cli/Assets/outlet/data/british/train.jsonl"); // the data's place is the user's
        tree["data"] = exists;
        if (tree["eval_data"] is not null) tree["eval_data"] = exists;
        if (tree["model"] is null) tree["model"] = "path/to/model";
        var settings = SettingsBinder.Bind(tree);
        Assert.Equal(file.Contains("full") || file.Contains("base"), settings.Adapter is null);
        foreach (var (key, value) in tree) Assert.Equal(value?.ToJsonString(), Plain(SettingsBinder.ToTree(settings)[key]?.ToJsonString(), value?.ToJsonString()));
    }

    /// <summary>A number keeps its file's spelling where both mean the same.</summary>
    private static string? Plain(string? bound, string? written)
        => double.TryParse(bound, System.Globalization.CultureInfo.InvariantCulture, out double a) && double.TryParse(written?.Trim('"'), System.Globalization.CultureInfo.InvariantCulture, out double b) && a == b ? written : bound;
}
