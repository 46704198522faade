using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>
/// What a run was begun with: the contents of everything that its results follow from, by their SHA-256, and its settings. It is written
/// into the run's folder when it begins, and compared when it goes on.
/// </summary>
public sealed class Begun
{
    /// <summary>The file in a run's folder.</summary>
    public const string FileName = "begun.json";
    private static readonly string[] InputSettings = ["model", "chat_template", "init_adapter", "data", "eval_data"];

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private const string Config = "config.json", Weight = ", weight "; // between a file's number and its source's weight
    private readonly SortedDictionary<string, List<Part>> _inputs = new(StringComparer.Ordinal);

    private Begun(JsonObject settings) => Settings = settings;

    /// <summary>The run's settings, all of them.</summary>
    public JsonObject Settings { get; }

    /// <summary>Reads all that a run is begun with, each byte of it.</summary>
    /// <param name="settings">The run's.</param>
    /// <param name="texts">How its texts are written; of the model that they belong to.</param>
    /// <exception cref="BadInputException">A file cannot be read.</exception>
    public static Begun Of(RunSettings settings, TextConventions texts)
    {
        var begun = new Begun(SettingsBinder.ToTree(settings));
        string model = texts.Model;
        bool folder = Directory.Exists(model);
        begun.Add("model", folder ? Files(model, name => name == Config || IsWeights(name)) : [new("", model)]);
        if (folder)
            begun.Add("tokenizer", Tokenizer.FilesOf(model).Select(f => new Part(Path.GetFileName(f), f)).Where(p => p.Name != Config));
        if (texts.TemplatePlace is { } place)
        {
            byte[] identity = System.Text.Encoding.UTF8.GetBytes(texts.Identity);
            begun._inputs["chat_template"] = [new("", place) { Digest = Hex(SHA256.HashData(identity)) }];
        }
        if (settings.InitAdapter is { } adapter)
            begun.Add("init_adapter", Files(adapter, name => name == "adapter_config.json" || IsWeights(name)));
        begun.Add("data", Rows(settings.Data));
        if (settings.EvalData is { } held) begun.Add("eval_data", Rows(held));
        try { begun._inputs.Values.SelectMany(parts => parts).AsParallel().ForAll(part => part.Digest ??= FileDigest.Of(part.Place)); }
        catch (AggregateException e) when (e.InnerExceptions.All(one => one is BadInputException))
        {
            throw BadInputException.All("what the run begins with cannot be read", [.. e.InnerExceptions.Cast<BadInputException>()]);
        }
        return begun;
    }

    /// <summary>What a run's folder says; null where an older program began it.</summary>
    /// <exception cref="BadInputException">The file is malformed.</exception>
    public static Begun? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            var tree = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            var begun = new Begun((JsonObject)tree["settings"]!.DeepClone());
            Part Of(JsonNode? file) => new((string)file!["name"]!, (string)file["file"]!)
            {
                Digest = (string?)file["sha256"] ?? throw new JsonException("a digest is missing"),
            };
            foreach (var (input, files) in tree["inputs"]!.AsObject()) begun._inputs[input] = [.. files!.AsArray().Select(Of)];
            return begun;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or InvalidCastException or NullReferenceException
            or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the file cannot be read: " + e.Message, place: path,
                remedy: "It was damaged. Take it away to go on without comparing what the run was begun with.", inner: e);
        }
    }

    /// <summary>Writes it into a run's folder.</summary>
    public void Save(string folder)
    {
        JsonObject tree = new() { ["inputs"] = Inputs(), ["settings"] = Settings.DeepClone() };
        AtomicFile.WriteText(Path.Combine(folder, FileName), tree.ToJsonString(Readable) + "\n");
    }

    /// <summary>The inputs with their files' digests.</summary>
    public JsonObject Inputs() => new(_inputs.Select(input => KeyValuePair.Create(input.Key, (JsonNode?)new JsonArray(
        [.. input.Value.Select(p => (JsonNode)new JsonObject { ["name"] = p.Name, ["file"] = p.Place, ["sha256"] = p.Digest })]))));

    /// <summary>Each setting and input of which <paramref name="now"/> has something else, with what to do. Of inputs the contents count,
    /// not where they lie.</summary>
    public IEnumerable<BadInputException> Differences(Begun now)
        => [.. SettingsThatDiffer(Settings, now.Settings, InputSettings), .. InputsThatDiffer(now)];

    /// <summary>Each setting that is not as it was; the dtype "auto" is any.</summary>
    /// <param name="then">The run's settings; what it leaves out stands at its default.</param>
    /// <param name="now">All that are asked for.</param>
    /// <param name="except">Settings that are passed over.</param>
    public static IEnumerable<BadInputException> SettingsThatDiffer(JsonObject then, JsonObject now, params IReadOnlyList<string> except)
    {
        var old = SettingsBinder.ToTree(new RunSettings());
        foreach (var (key, value) in then) old[key] = value?.DeepClone();
        foreach (var (key, value) in now)
            if (!except.Contains(key) && !(key == "dtype" && (string?)value == "auto") && !SameValue(old[key], value))
                yield return new("a setting disagrees with the run that is to go on", value?.ToJsonString() ?? "null", key,
                    old[key]?.ToJsonString() ?? "null", "Leave it out, or start a new run.");
    }

    private static bool SameValue(JsonNode? a, JsonNode? b) => (a, b) switch
    {
        (JsonObject x, JsonObject y) => x.Count == y.Count && x.All(p => y.ContainsKey(p.Key) && SameValue(p.Value, y[p.Key])),
        (JsonArray x, JsonArray y) => x.Count == y.Count && x.Zip(y).All(p => SameValue(p.First, p.Second)),
        (JsonValue x, JsonValue y) => JsonNode.DeepEquals(x, y) || (Number(x) is { } p && Number(y) is { } q && p == q),
        _ => a is null && b is null,
    };

    private static double? Number(JsonValue value)
        => double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null;

    private IEnumerable<BadInputException> InputsThatDiffer(Begun now)
    {
        const string Remedy = "Put back what was there, or start a new run.";
        foreach (string input in _inputs.Keys.Union(now._inputs.Keys))
        {
            var (then, other) = (Named(input), now.Named(input));
            foreach (string name in then.Keys.Union(other.Keys))
            {
                var (old, present) = (then.GetValueOrDefault(name), other.GetValueOrDefault(name));
                if (old?.Digest == present?.Digest && old?.Name == present?.Name) continue;
                if (present is null) yield return new("the run began with a file that is gone", old!.Place, input, remedy: Remedy);
                else if (old is null) yield return new("the run began without this", present.Place, input, remedy: Remedy);
                else if (old.Digest != present.Digest)
                    yield return new("the content is not what the run began with", Shown(present), input, Shown(old), Remedy);
                else yield return new($"the weight of {present.Place} is not what the run began with", WeightOf(present), input,
                    WeightOf(old), Remedy);
            }
        }
    }

    private static string Shown(Part part) => $"{part.Place}, SHA-256 {part.Digest![..12]}...";

    private static string Hex(byte[] digest) => Convert.ToHexStringLower(digest);

    private Dictionary<string, Part> Named(string input)
        => _inputs.TryGetValue(input, out var parts) ? parts.ToDictionary(p => p.Name.Split(Weight)[0], StringComparer.Ordinal) : [];

    private static string WeightOf(Part part) => part.Name[(part.Name.IndexOf(Weight, StringComparison.Ordinal) + Weight.Length)..];

    private void Add(string input, IEnumerable<Part> parts) => _inputs[input] = [.. parts];

    private static bool IsWeights(string name)
        => name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".safetensors.index.json", StringComparison.Ordinal);

    private static IEnumerable<Part> Files(string folder, Func<string, bool> wanted)
        => Directory.EnumerateFiles(folder).Where(f => wanted(Path.GetFileName(f))).Order(StringComparer.Ordinal)
            .Select(f => new Part(Path.GetFileName(f), f));

    // In order, with the weights: both decide what is learnt when.
    private static IEnumerable<Part> Rows(DataSources sources)
        => sources.SelectMany((source, i) => DataFile.Of(source).Select((file, j)
            => new Part(string.Create(CultureInfo.InvariantCulture, $"{i}.{j}{Weight}{source.Weight:R}"), file.Path)));

    private sealed record Part(string Name, string Place)
    {
        public string? Digest { get; set; }
    }
}
