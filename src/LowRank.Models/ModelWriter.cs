using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Writes a model as a Hugging Face folder: config.json, model.safetensors, and the tokenizer's files of the folder it came from.</summary>
public static class ModelWriter
{
    private static readonly string[] SideFiles =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt",
        "generation_config.json", "chat_template.jinja", "chat_template.json",
    ];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n" };

    /// <summary>Writes the folder, aside and then renamed.</summary>
    /// <param name="model">The model, with whatever has been merged into it.</param>
    /// <param name="folder">Where; must not exist unless <paramref name="overwrite"/>.</param>
    /// <param name="dtype">The dtype of all weights; null: each as it is stored, expanded ones in float32.</param>
    /// <param name="overwrite">Whether an existing folder is replaced.</param>
    /// <param name="metadata">The file's `__metadata__` beside `format`; null: none.</param>
    /// <param name="extra">Writes further files into the folder it is given, before that becomes visible.</param>
    /// <param name="quantized">Whether quantised projections are written as they are, in bitsandbytes' form (<paramref name="dtype"/> is for the others then); else they are expanded.</param>
    /// <returns>What writing weights in another dtype than they are held in cost; merged ones that are held in it already are not among
    /// them.</returns>
    /// <exception cref="BadInputException">The folder exists or cannot be written, bitsandbytes has no form for this model, or a weight is
    /// beyond the dtype's range; nothing is left half-written.</exception>
    public static ConversionReport Save(CausalLM model, string folder, ScalarType? dtype = null, bool overwrite = false,
        IReadOnlyDictionary<string, string>? metadata = null, Action<string>? extra = null, bool quantized = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(folder);
        var sample = quantized ? BnbFolder.Check(model) : null;
        var errors = new RoundingErrors();
        AtomicFile.WriteFolder(folder, place =>
        {
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            List<(string Name, ScalarType DType, long[] Shape, Func<Tensor> Read)> tensors = [];
            foreach (var (name, weight) in model.Stored())
                if (quantized && BnbFolder.IsInBlocks(model, weight)) tensors.AddRange(BnbFolder.Tensors(name, weight.Quantized!));
                else tensors.Add(Plain(name, weight, dtype, errors));
            Dictionary<string, string> notes = new(metadata ?? new Dictionary<string, string>()) { ["format"] = "pt" };
            SafetensorsWriter.Write(Path.Combine(place, "model.safetensors"), tensors, notes);
            AtomicFile.WriteText(Path.Combine(place, "config.json"), ConfigOf(model, dtype, sample).ToJsonString(Indented) + "\n");
            if (Directory.Exists(model.Source))
                foreach (string name in SideFiles.Where(n => File.Exists(Path.Combine(model.Source, n))))
                    File.Copy(Path.Combine(model.Source, name), Path.Combine(place, name));
            CopyTemplates(model.Source, place);
            extra?.Invoke(place);
        }, overwrite, OutputKind.Model);
        return new(errors.Count, errors.Largest, errors.Worst, errors.RelativeRms);
    }

    /// <summary>Checks, before any work, that <see cref="Save"/> could write a model quantised.</summary>
    /// <exception cref="BadInputException">It could not.</exception>
    public static void CheckQuantized(CausalLM model)
        => BnbFolder.Check(model ?? throw new ArgumentNullException(nameof(model)));

    /// <summary>
    /// Writes a model that was read from a GGUF file as GGUF: that file with other data where the model's weights have changed, in its
    /// order of rows. All other tensors and the metadata keep their
    /// bytes. Aside and then renamed.
    /// </summary>
    /// <param name="model">The model, loaded with quantize `keep` so that its blocks are the file's, with what has been merged into it
    /// (MergeInto.SameKind, or Kind of <paramref name="type"/>).</param>
    /// <param name="path">Where; must not exist unless <paramref name="overwrite"/>, and is not the file that the model was read from.</param>
    /// <param name="overwrite">Whether an existing file is replaced.</param>
    /// <param name="type">The type of changed matrices; null: each tensor's own.</param>
    /// <returns>How many tensors have other data.</returns>
    /// <exception cref="BadInputException">The model was not read from a GGUF file, the place is that file, or exists and may not be
    /// replaced; a changed weight is not in the type to be written, or embedding and output layer are one tensor there and differ now. What
    /// stood there is untouched.</exception>
    public static int SaveGguf(CausalLM model, string path, bool overwrite = false, GgufType? type = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(path);
        var source = GgufChanges.Source(model);
        GgufRewriter.RefuseSource(source.Path, path); // first: to overwrite would be no remedy
        AtomicFile.RefuseExisting(path, overwrite, OutputKind.File);
        var changes = GgufChanges.Of(model, type);
        GgufRewriter.Write(source.File, path, changes);
        return changes.Count;
    }

    private static void CopyTemplates(string source, string place)
    {
        string more = Path.Combine(source, "additional_chat_templates");
        if (!Directory.Exists(more)) return;
        string copies = Directory.CreateDirectory(Path.Combine(place, Path.GetFileName(more))).FullName;
        foreach (string file in Directory.EnumerateFiles(more, "*.jinja")) File.Copy(file, Path.Combine(copies, Path.GetFileName(file)));
    }

    private static (string, ScalarType, long[], Func<Tensor>) Plain(string name, StoredWeight weight, ScalarType? dtype, RoundingErrors errors)
    {
        var held = weight.Quantized is null ? weight.Parameter.dtype : ScalarType.Float32;
        var written = dtype ?? held;
        long[] shape = weight.Quantized is { } matrix ? [matrix.Rows, matrix.Columns] : weight.Parameter.shape;
        return (name, written, shape, () =>
        {
            if (!Loses(held, written)) return weight.Quantized?.Dequantize(written) ?? weight.Parameter.detach().to(written);
            Tensor exact = weight.Quantized?.Dequantize(held) ?? weight.Parameter.detach(), converted = exact.to(written);
            errors.Add(name, converted, exact);
            return converted;
        });
    }

    private static bool Loses(ScalarType from, ScalarType to) => from != to && !(to is ScalarType.Float32
        && from is ScalarType.Float16 or ScalarType.BFloat16) && to != ScalarType.Float64;

    private static JsonObject ConfigOf(CausalLM model, ScalarType? dtype, QuantizedWeight? sample)
    {
        var config = (JsonObject)model.Config.DeepClone();
        if (model.Spec.Tied && !model.IsTied) config["tie_word_embeddings"] = false;
        // Transformers loads in the dtype that the config names: the one most elements have; of a quantised model, most of those that are not quantised.
        var stored = model.Stored().Where(w => sample is null || !BnbFolder.IsInBlocks(model, w.Weight));
        string? name = Name(dtype ?? stored.GroupBy(w => w.Weight.Quantized is null ? w.Weight.Parameter.dtype : ScalarType.Float32).MaxBy(g => g.Sum(w => w.Weight.Elements))!.Key);
        if (name is not null) config[config.ContainsKey("torch_dtype") && !config.ContainsKey("dtype") ? "torch_dtype" : "dtype"] = name;
        if (config.ContainsKey("dtype")) config.Remove("torch_dtype"); // its old name must not say something else
        if (sample is not null) config["quantization_config"] = QuantizationConfig.Write(sample, Name(model.ComputeDType)!);
        return config;
    }

    private static string? Name(ScalarType dtype) => dtype switch
    {
        ScalarType.Float32 => "float32", ScalarType.BFloat16 => "bfloat16", ScalarType.Float16 => "float16", _ => null,
    };
}

/// <summary>What it cost to write weights in another dtype than they are held in.</summary>
/// <param name="Count">How many weights were rounded.</param>
/// <param name="Largest">The largest absolute error.</param>
/// <param name="Worst">The weight that has it; null where nothing was rounded.</param>
/// <param name="RelativeRms">‖written − held‖ / ‖held‖ over those weights.</param>
public sealed record ConversionReport(int Count, double Largest, string? Worst, double RelativeRms);
