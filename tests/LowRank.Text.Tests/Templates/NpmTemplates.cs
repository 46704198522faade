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
        string Of(string key) => source.GetProperty(key).GetString()!;
        string package = $"{Of("package")}@{Of("version")}";
        if (NpmPackages.Find(package, Of("path")) is not { } file)
        {
            Assert.Skip(NpmPackages.Missing(package) ?? $"{package} lacks {Of("path")}");
            return "";
        }
        string text = TemplateGoldens.Read(file).GetProperty(Of("key")).GetString()!;
        Assert.Equal(Of("sha256"), Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text))));
        return text;
    }
}
