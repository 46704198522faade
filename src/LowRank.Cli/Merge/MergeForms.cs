using System.CommandLine;
using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Cli;

/// <summary>What `merge` is asked to write: the dtype of a folder, the type of a GGUF file's merged tensors.</summary>
internal static class MergeForms
{
    private static readonly string[] Types = ["f32", .. GgufQuantizer.Types.Select(t => t.Name.ToLowerInvariant())];

    public static bool IsGguf(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);

    /// <summary>The dtype of all weights; null: each keeps the one that it is stored in.</summary>
    public static ScalarType? SavedDType(CommonOptions common, ParseResult parsed)
        => !parsed.IsGiven(common.Dtype) ? null : parsed.GetValue(common.Dtype) switch
        {
            "auto" => null,
            "float32" => ScalarType.Float32,
            "bfloat16" => ScalarType.BFloat16,
            "float16" => ScalarType.Float16,
            var other => throw new BadInputException("an unknown dtype", other, "--dtype",
                "auto (each weight's stored one), float32, bfloat16 or float16", NearNames.Sentence(other!,
                ["float32", "bfloat16", "float16"])),
        };

    /// <summary>The type of the merged tensors of a GGUF file; null: their own.</summary>
    /// <param name="named">--quantization.</param>
    /// <param name="alike">--quantize, which says the same where a GGUF file is written.</param>
    /// <param name="gguf">Whether one is.</param>
    public static GgufType? TypeAsked(string? named, string? alike, bool gguf)
    {
        if (!gguf)
            return named is null ? null
                : throw new BadInputException("a folder's weights have no GGUF type", named, "--quantization",
                    "an --output that ends in .gguf", "Choose a folder's dtype with --dtype.");
        if (named is not null && alike is not null && !named.Equals(alike, StringComparison.OrdinalIgnoreCase))
            throw new BadInputException("two types are given for the merged tensors", $"{named}, {alike}", "--quantization, --quantize",
                "one");
        if ((named ?? alike) is not { } name || name.Equals(QuantizeChoice.Keep, StringComparison.OrdinalIgnoreCase)) return null;
        string place = named is not null ? "--quantization" : "--quantize";
        return Types.Contains(name.ToLowerInvariant()) ? GgufType.Named(name)
            : throw new BadInputException("merged tensors of a GGUF file cannot be written in this type", name, place,
                "keep (their own types), " + string.Join(", ", Types), NearNames.Sentence(name.ToLowerInvariant(), Types));
    }

    /// <summary>Refuses a GGUF output that cannot be made.</summary>
    public static void CheckGguf(bool over, bool typed, ScalarType? saved, string place)
    {
        if (!typed || !over)
            throw new BadInputException("writing GGUF is not available yet" + (typed ? " over a base that is no GGUF file"
                : " without --requantize or a type"), place, "--output", "a folder",
                "A GGUF file is written where --model is one and --requantize (the merged weights in their own types) "
                + "or --quantization TYPE is given.");
        if (saved is not null) throw new BadInputException("a GGUF file's tensors have types, no dtype", saved.ToString(), "--dtype",
            "nothing", "Leave --dtype out; --quantization f16 (bf16, f32, ...) names the merged tensors' type.");
    }
}
