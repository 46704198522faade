using System.Text.Json.Nodes;
using LowRank.Models;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>A run put together from settings, on token ids, for tests.</summary>
internal sealed class TestRun : IDisposable
{
    private readonly RunSettings _settings;
    private readonly AdapterHost? _host;

    public TestRun(RunSettings settings, string folder, bool resume = false)
    {
        _settings = settings;
        Folder = new RunFolder(folder);
        if (!resume) Folder.Begin(settings, force: false);
        Model = ModelLoader.Load(settings.Model, settings.Dtype == "bfloat16" ? ScalarType.BFloat16 : ScalarType.Float32, quantize: settings.QuantizeOn(CPU));
        if (settings.TrainsAll())
        {
            Trainable = new FullTrainable(Model);
            return;
        }
        _host = AdapterHost.Attach(Model);
        var adapter = settings.InitAdapter is not null ? _host.Load("default", settings.InitAdapter) : _host.Add("default", settings.NewAdapter()!, (ulong)settings.Seed);
        _host.Activate(("default", 1));
        Trainable = new AdapterTrainable(Model, adapter);
    }

    public RunFolder Folder { get; }
    public CausalLM Model { get; }
    public ITrainable Trainable { get; }

    public Trainer Trainer(Action<StepLog>? onStep, bool allowFast = true, TokenEncoder? encoder = null, int? fromStep = null)
    {
        RowSet Load(DataOptions options) => RowSet.Load(options, Model.Spec.VocabularySize, encoder, _settings.Seed);
        return new Trainer(_settings, Model, Trainable, Load(_settings.DataOptions()), _settings.EvalOptions() is { } held ? Load(held) : null, Folder, allowFast) { OnStep = onStep, FromStep = fromStep };
    }

    public void Dispose()
    {
        _host?.Detach();
        Model.Dispose();
    }

    /// <summary>A file of random rows of token ids with some positions that are no targets.</summary>
    public static string RandomRows(string path, int rows, int vocabulary, int seed)
    {
        var random = new Random(seed);
        File.WriteAllLines(path, Enumerable.Range(0, rows).Select(_ =>
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(6, 18)).Select(_ => random.Next(3, vocabulary))];
            return new JsonObject
            {
                ["input_ids"] = new JsonArray([.. ids.Select(i => (JsonNode)i)]),
                ["labels"] = new JsonArray([.. ids.Select((id, i) => (JsonNode)(i < 3 ? -100 : id))]),
            }.ToJsonString();
        }));
        return path;
    }
}
