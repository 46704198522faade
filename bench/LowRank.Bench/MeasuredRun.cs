using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Bench;

/// <summary>A LoRA run through the settings' own loop, on random tokens.</summary>
internal static class MeasuredRun
{
    /// <summary>Settings of a bench: rank 16 on all linear layers.</summary>
    public static RunSettings Settings(string model, string dtype) => new()
    {
        Model = model, Dtype = dtype, Adapter = new JsonObject { ["r"] = 16, ["lora_alpha"] = 32, ["target_modules"] = "all-linear" },
    };

    /// <summary>Trains from new adapter weights; the model's parameters and every step's line.</summary>
    public static (long Parameters, List<StepLog> Logs) Train(RunSettings settings, RowSet rows, string run)
    {
        using var model = ModelLoader.Load(settings.Model, Processor.ParseDType(settings.Dtype, CPU));
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("bench", LoraConfig.FromJson(settings.Adapter!), 1, "llama");
        List<StepLog> logs = [];
        var folder = new RunFolder(run);
        folder.Begin(settings, force: true);
        Processor.ResetPeakMemory();
        var trainer = new Trainer(settings, model, new AdapterTrainable(model, adapter), rows, null, folder) { OnStep = logs.Add };
        Say($"path {trainer.Path}: {trainer.PathReason}");
        trainer.Run();
        long parameters = model.ParameterCount;
        host.Detach();
        return (parameters, logs);
    }

    /// <summary>Rows of random tokens of these lengths, each a target.</summary>
    public static RowSet Rows(int vocabulary, IEnumerable<int> lengths)
        => new("random", [.. lengths.Select((length, row) => (int[])[.. Enumerable.Range(0, length).Select(t => (int)(SplitMix.At(1, row, t) % (ulong)vocabulary))]).Select(ids => new Row(ids, ids))], "random");

    /// <summary>A line in any culture's same numbers.</summary>
    public static void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
