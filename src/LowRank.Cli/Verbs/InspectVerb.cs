using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Cli.Verbs;

/// <summary>`inspect`: what a model, adapter, run or safetensors file holds.</summary>
internal static class InspectVerb
{
    private const string Prefix = "base_model.model.";

    public static Command Create()
    {
        var common = new CommonOptions();
        Argument<string> target = new("target") { Description = "a model, an adapter folder, a run folder, a .safetensors or .gguf file, a data file" };
        var verb = new Command("inspect", "What a model, adapter, run or file holds.") { target };
        common.AddTo(verb, model: false, compute: false);
        verb.SetAction(parsed =>
        {
            var result = Inspect(parsed.GetValue(target)!);
            if (parsed.GetValue(common.Json)) Output.Json(result);
            else Print(result, 0);
            return 0;
        });
        return verb;
    }

    private static JsonObject Inspect(string target)
    {
        if (File.Exists(Path.Combine(target, StoredAdapter.ConfigName)))
            return LoadedModel.HoldsAdapter(target) ? With(Model(target), "adapter", Adapter(target)) : Adapter(target);
        if (new RunFolder(target) is { Exists: true } run) return Run(run);
        if (Found.At(target).Kind == FoundKind.GgufAdapter) return GgufAdapter(target);
        if (target.EndsWith(".safetensors", StringComparison.Ordinal)) return Tensors(SafetensorsFile.Open(target));
        if (RowReader.IsDataFile(target) && (File.Exists(target) || !target.EndsWith(".json", StringComparison.Ordinal))) return Data(target);
        return Model(ModelPlace.Of(target, "lowrank inspect"));
    }

    private static JsonObject With(JsonObject tree, string key, JsonNode more)
    {
        tree[key] = more;
        return tree;
    }

    private static JsonObject Model(string path)
    {
        var model = ModelLoader.Describe(path);
        return new JsonObject
        {
            ["kind"] = "model", ["path"] = path, ["model_type"] = model.Spec.ModelType, ["parameters"] = model.ParameterCount, ["bytes"] = model.Bytes,
            ["layers"] = model.Spec.Layers.Count, ["hidden_size"] = model.Spec.HiddenSize, ["vocabulary"] = model.Spec.VocabularySize,
            ["heads"] = model.Spec.Attention.Heads, ["key_value_heads"] = model.Spec.Attention.KeyHeads, ["head_size"] = model.Spec.Attention.HeadSize,
            ["max_positions"] = model.Spec.MaxPositions, ["tied_embeddings"] = model.Spec.Tied, ["tokenizer"] = Tokenizer.IsOf(path),
            ["stored_bytes"] = new JsonObject(model.Tensors.GroupBy(t => t.DType).Select(g => KeyValuePair.Create(g.Key, (JsonNode?)g.Sum(t => t.Bytes)))),
        };
    }

    private static JsonObject Adapter(string folder)
    {
        const string end = ".lora_A.weight";
        using var adapter = StoredAdapter.Open(folder);
        var config = adapter.Config;
        JsonArray layers = [];
        using var scope = NewDisposeScope();
        foreach (string name in adapter.Names.Where(n => n.EndsWith(end, StringComparison.Ordinal)))
        {
            string path = name[..^end.Length], b = path + ".lora_B.weight", module = path.StartsWith(Prefix, StringComparison.Ordinal) ? path[Prefix.Length..] : path;
            if (adapter.Shape(name) is not [long rank, _, ..] || adapter.Shape(b) is not [_, long high, ..]) continue;
            double scale = config.ScaleOf(module);
            JsonObject layer = new() { ["module"] = module, ["rank"] = rank, ["scale"] = scale };
            if (high == rank)
            {
                Tensor Factor(string tensor)
                    => adapter.Get(tensor).to(ScalarType.Float32).flatten(1) is var x && x.isfinite().all().item<bool>() ? x
                    : throw new BadInputException("a tensor's numbers are not all finite", tensor, folder, "finite numbers",
                        "Train the adapter again.");
                var values = SingularValues(Factor(name), Factor(b), scale);
                (layer["delta_norm"], layer["singular_values"]) = (Math.Sqrt(values.Sum(v => v * v)), new JsonArray([.. values.Select(v => (JsonNode)Math.Round(v, 6))]));
            }
            layers.Add(layer);
        }
        return new JsonObject
        {
            ["kind"] = "adapter", ["path"] = folder, ["peft_type"] = "LORA", ["r"] = config.Rank, ["lora_alpha"] = config.Alpha, ["use_rslora"] = config.UseRsLora, ["use_dora"] = config.UseDora,
            ["base_model_name_or_path"] = config.BaseModel, ["parameters"] = adapter.Names.Sum(n => adapter.Shape(n)!.Aggregate(1L, (x, y) => x * y)), ["bytes"] = adapter.Bytes, ["layers"] = layers,
        };
    }

    private static JsonObject GgufAdapter(string path)
    {
        using var file = GgufFile.Open(path, lists: false);
        return new JsonObject
        {
            ["kind"] = "gguf adapter", ["path"] = path, ["architecture"] = file.Metadata.GetValueOrDefault("general.architecture") as string, ["type"] = file.Metadata.GetValueOrDefault("adapter.type") as string,
            ["lora_alpha"] = file.Metadata.GetValueOrDefault("adapter.lora.alpha") is float alpha ? alpha : null, ["bytes"] = new FileInfo(path).Length,
            ["tensors"] = new JsonArray([.. file.Tensors.Select(t => (JsonNode)new JsonObject { ["name"] = t.Name, ["type"] = t.Type.Name, ["shape"] = new JsonArray([.. t.Shape.Select(s => (JsonNode)s)]) })]),
        };
    }

    /// <summary>Of scale·B·A without forming it: those of the small r x r product of the two triangular factors.</summary>
    private static double[] SingularValues(Tensor a, Tensor b, double scale)
    {
        var (_, ra) = linalg.qr(a.t().to(ScalarType.Float64));
        var (_, rb) = linalg.qr(b.to(ScalarType.Float64));
        double[] values = linalg.svdvals(rb.matmul(ra.t())).data<double>().ToArray();
        return [.. values.Select(v => v * scale)];
    }

    private static JsonObject Run(RunFolder run)
    {
        var log = run.ReadLog();
        return new JsonObject
        {
            ["kind"] = "run", ["path"] = run.Path, ["settings"] = run.ReadSettings(), ["begun_with"] = Begun.Read(run.Path)?.Inputs(),
            ["steps"] = log.Count(l => l.ContainsKey("loss")), ["last"] = log.LastOrDefault(l => l.ContainsKey("loss"))?.DeepClone(),
            ["last_evaluation"] = log.LastOrDefault(l => l.ContainsKey("eval_loss"))?.DeepClone(), ["checkpoints"] = new JsonArray([.. run.Steps.Select(s => (JsonNode)s)]),
            ["finished"] = run.IsFinished(all: false) || run.IsFinished(all: true),
        };
    }

    private static JsonObject Tensors(SafetensorsFile file)
    {
        using (file)
            return new JsonObject
            {
                ["kind"] = "safetensors", ["path"] = file.Path, ["metadata"] = new JsonObject(file.Metadata.Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value))),
                ["tensors"] = new JsonArray([.. file.Entries.Select(e => (JsonNode)new JsonObject { ["name"] = e.Name, ["dtype"] = e.DType, ["shape"] = new JsonArray([.. e.Shape.Select(s => (JsonNode)s)]) })]),
            };
    }

    private static JsonObject Data(string path)
    {
        var rows = RowReader.Read(path, int.MaxValue, CharacterEncoder.Create()).ToList();
        return new JsonObject { ["kind"] = "data", ["path"] = path, ["rows"] = rows.Count, ["prompts"] = PromptGroup.Of(rows.Where(r => r.Prompt is not null)).Count, ["sha256"] = RowReader.Fingerprint(path) };
    }

    private static void Print(JsonObject result, int indent)
    {
        foreach (var (name, value) in result)
            if (value is JsonArray { Count: > 0 } list && list[0] is JsonObject)
            {
                Console.Out.WriteLine($"{new string(' ', indent)}{name}:");
                foreach (var item in list) Console.Out.WriteLine($"{new string(' ', indent + 2)}{string.Join("  ", item!.AsObject().Select(p => p.Key + "=" + p.Value?.ToJsonString()))}");
            }
            else if (value is JsonObject section)
            {
                Console.Out.WriteLine($"{new string(' ', indent)}{name}:");
                Print(section, indent + 2);
            }
            else Console.Out.WriteLine($"{new string(' ', indent)}{name,-24} {(name.EndsWith("bytes", StringComparison.Ordinal) ? Output.Bytes(value) : value?.ToJsonString() ?? "-")}");
    }
}
