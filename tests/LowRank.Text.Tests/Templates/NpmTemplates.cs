using System.Security.Cryptography;
using System.Text.Json;
using LowRank.TestKit;
using Xunit;

namespace LowRank.Text.Tests.Templates;

/// <summary>Templates whose text the goldens hold, or that the script tests/npm/fetch.sh takes from npm.</summary>
internal static class NpmTemplates
{
    /// <summary>A real template's text; skips the test where it is in a package that is not fetched.</summary>
    public static string SourceOf(JsonElement real)
    {
        if (TemplateGoldens.Optional(real, "template") is { } template) return template.GetString()!;
        var source = real.GetProperty("source");
        string file = Path.Combine(Paths.Root, "tests", "npm", "cache", $"{source.GetProperty("package").GetString()}@{source.GetProperty("version").GetString()}", source.GetProperty("path").GetString()!);
        if (!File.Exists(file)) Assert.Skip($"needs {source.GetProperty("package").GetString()} from npm: run tests/npm/fetch.sh");
        string text = TemplateGoldens.Read(file).GetProperty(source.GetProperty("key").GetString()!).GetString()!;
        Assert.Equal(source.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text))));
        return text;
    }
}
