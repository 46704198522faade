using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>Who speaks: the names that data use for it, and the role that each means. One set for all formats and verbs.</summary>
public static class Roles
{
    private static readonly string[] Names = ["system", "developer", "user", "assistant", "tool"];

    private static readonly Dictionary<string, string> Others = new(StringComparer.OrdinalIgnoreCase)
    {
        ["human"] = "user",
        ["gpt"] = "assistant", ["chatgpt"] = "assistant", ["bing"] = "assistant", ["bard"] = "assistant", ["model"] = "assistant",
        ["bot"] = "assistant", ["chatbot"] = "assistant", ["ai"] = "assistant",
        ["function"] = "tool", ["function_response"] = "tool", ["observation"] = "tool", ["ipython"] = "tool",
    };

    /// <summary>The roles, for messages.</summary>
    public static string Expected => string.Join(", ", Names);

    /// <summary>The role that a name means, whatever its letters' case; null where it means none that is known.</summary>
    public static string? Meant(string name)
        => Names.FirstOrDefault(n => n.Equals(name.Trim(), StringComparison.OrdinalIgnoreCase)) ?? Others.GetValueOrDefault(name.Trim());

    /// <summary>Whether a name is another one for a tool's answer; some templates have such a role of their own.</summary>
    internal static bool IsOtherToolName(string name) => Others.GetValueOrDefault(name) == "tool";

    /// <summary>Refuses a name that is nearly one of the roles; another one is the template's business.</summary>
    internal static void RefuseMisspelt(string name, string place)
    {
        if (Meant(name) is null && NearNames.Sentence(name, [.. Names, .. Others.Keys.Where(k => k.Length > 3)]) is { } near)
            throw new BadInputException($"{place}: there is no such role", name, expected: Expected, remedy: near);
    }
}
