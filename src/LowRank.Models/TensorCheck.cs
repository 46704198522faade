using System.Text.RegularExpressions;
using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Compares the tensors that a spec needs with those that a source holds.</summary>
internal static partial class TensorCheck
{
    /// <summary>The tensors a spec needs, names and shapes, in the order of the modules.</summary>
    public static IReadOnlyList<(string Name, long[] Shape)> Needed(DecoderSpec spec)
    {
        List<(string, long[])> needed = [];
        using var scope = NewDisposeScope();
        // A throw-away model over tensors without storage: the modules themselves know best what they take.
        using var model = new CausalLM(spec, new Parts(spec, ScalarType.Float32, (name, shape) =>
        {
            needed.Add((name, shape));
            return new Parameter(empty(shape, ScalarType.Float32, META), requires_grad: false);
        }), null, [], CPU);
        return needed;
    }

    /// <summary>For each tensor needed, the name it has in the source (files of base models leave the first part out).</summary>
    /// <exception cref="BadInputException">Everything missing, unexpected or of a wrong shape.</exception>
    public static Dictionary<string, string> Match(DecoderSpec spec, IWeightSource source)
    {
        string prefix = spec.Names.Base + ".";
        bool bare = !source.Names.Any(n => n.StartsWith(prefix, StringComparison.Ordinal));
        Dictionary<string, string> stored = new(StringComparer.Ordinal);
        List<BadInputException> errors = [];
        List<string> codes = [];
        HashSet<string> unused = new(source.Names, StringComparer.Ordinal);
        foreach (var (name, shape) in Needed(spec))
        {
            string there = bare && name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
            stored[name] = there;
            unused.Remove(there);
            if (source.Shape(there) is not { } actual) errors.Add(Missing(spec, name, there, shape));
            else if (IsCode(source, there)) codes.Add(there);
            else if (!actual.AsSpan().SequenceEqual(shape)) errors.Add(new($"wrong shape of tensor '{there}'", Text(actual), expected: Text(shape)));
        }
        if (codes.Count > 0) errors.Add(NoNumbers(source, codes));
        if (spec.Tied) CheckTied(spec, source, stored, unused, errors);
        foreach (string name in unused.Where(n => !Buffer().IsMatch(n) && !source.Shape(n)!.Contains(0))) // what holds no number is no loss
            errors.Add(new($"unexpected tensor '{name}'", Text(source.Shape(name)!)));
        if (errors.Count > 0) throw BadInputException.All("the weights do not fit the configuration", errors, source.Path);
        return stored;
    }

    // Whole numbers and 8-bit floats stand for weights only together with the scales of a quantised form; where those were found, the dtype is that form's name.
    private static bool IsCode(IWeightSource source, string name)
        => SafetensorsDType.Bits(source.DType(name)) is not null && !SafetensorsDType.IsPlain(source.DType(name));

    private static BadInputException NoNumbers(IWeightSource source, List<string> names)
    {
        string name = names[0], others = names.Count == 1 ? "" : $" (and {names.Count - 1} more: {string.Join(", ", names.Skip(1).Take(4))}{(names.Count > 5 ? ", ..." : "")})";
        string stem = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^"weight".Length] : name + ".";
        string[] beside = [.. source.Names.Where(n => n != name && n != stem + "bias" && n.StartsWith(stem, StringComparison.Ordinal))];
        return new($"tensor '{name}'{others} holds codes, which are no weights without their scales", $"{source.DType(name)} {Text(source.Shape(name)!)}; beside it {string.Join(", ", beside.DefaultIfEmpty("nothing"))}",
            expected: "BF16, F16 or F32, or what config.json's quantization_config needs: X.SCB (bitsandbytes, 8 bit), X.weight.absmax and quant_state (4 bit), X.weight_scale or X.weight_scale_inv (fp8)",
            remedy: "Download the model again, with the tensors that are missing.");
    }

    // A tied output layer may be written out all the same, as long as it says the same.
    private static void CheckTied(DecoderSpec spec, IWeightSource source, Dictionary<string, string> stored, HashSet<string> unused, List<BadInputException> errors)
    {
        string head = spec.Names.Head + ".weight", table = stored[$"{spec.Names.Base}.{spec.Names.Embedding}.weight"];
        if (!unused.Remove(head) || source.Shape(table) is not { } shape) return;
        if (!source.Shape(head)!.AsSpan().SequenceEqual(shape)) errors.Add(new($"wrong shape of tensor '{head}'", Text(source.Shape(head)!), expected: Text(shape)));
        else
        {
            if (!Same(source, head, table, shape[0])) errors.Add(new($"tensor '{head}' differs from '{table}' although tie_word_embeddings is true", remedy: "Set tie_word_embeddings to false in config.json."));
            source.Release(head);
            source.Release(table);
        }
    }

    // Some rows at a time: the two widened whole would be more memory than all that loading takes otherwise.
    private static bool Same(IWeightSource source, string one, string other, long rows)
    {
        const long Portion = 1024;
        using var scope = NewDisposeScope();
        Tensor a = source.Get(one), b = source.Get(other);
        for (long row = 0; row < rows; row += Portion)
        {
            using var inner = NewDisposeScope();
            long many = Math.Min(Portion, rows - row);
            if (a.narrow(0, row, many).to(ScalarType.Float32).ne(b.narrow(0, row, many).to(ScalarType.Float32)).any().item<bool>()) return false;
        }
        return true;
    }

    private static BadInputException Missing(DecoderSpec spec, string name, string there, long[] shape) => new($"missing tensor '{there}'", expected: Text(shape),
        remedy: name == spec.Names.Head + ".weight" ? "If the output layer is the embedding, set tie_word_embeddings to true in config.json." : null);

    private static string Text(long[] shape) => $"[{string.Join(", ", shape)}]";

    // Buffers that old files carry: computed, never read.
    [GeneratedRegex(@"(^|\.)(rotary_emb\.inv_freq|attention\.masked_bias|attention\.bias|attn\.masked_bias|attn\.bias)$")]
    private static partial Regex Buffer();
}
