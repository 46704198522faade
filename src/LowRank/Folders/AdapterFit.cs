using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Puts the tensors of an adapter folder into an adapter; everything that does not fit is one error.</summary>
internal static class AdapterFit
{
    private const int Listed = 8; // of one kind of mistake: a large model has hundreds of tensors, and the first few say it
    private const string OtherBase = "The adapter was made for another base model.";

    /// <summary>Checks, before anything is made, that the file has the targets' factors, of the configuration's ranks.</summary>
    /// <exception cref="BadInputException">It has them under other names, or a target's rank is larger than any of the file's.</exception>
    public static void CheckTargets(StoredAdapter file, IReadOnlyList<BaseLayer> targets, LoraConfig config)
    {
        var wanted = targets.Select(t => (Key: $"{Adapter.KeyPrefix}{t.Name}.{(t.IsEmbedding ? "lora_embedding_A" : "lora_A.weight")}", Rank: config.RankOf(t.Name))).ToList();
        var absent = wanted.Where(w => file.Shape(w.Key) is null).ToList();
        var unknown = file.Names.Where(n => AdapterKeys.RankedByFirst.Any(e => n.EndsWith(e, StringComparison.Ordinal))).Except(wanted.Select(w => w.Key)).ToList();
        if (OtherPrefix(absent.Select(w => w.Key).ToList(), unknown) is { } prefix) throw prefix;
        if (absent.Where(w => w.Rank > file.LargestRank).ToList() is [var first, ..] far)
            throw new BadInputException($"the tensors of {far.Count} targeted modules are missing, and their rank is larger than any of the file's",
                $"{first.Key}: r {first.Rank}; the file's largest is {file.LargestRank}", file.Path, remedy: "Correct r, rank_pattern or target_modules in adapter_config.json.");
    }

    /// <summary>Copies the file's tensors into the adapter's parameters.</summary>
    /// <exception cref="BadInputException">Something is missing, unexpected, of the wrong shape, or no number.</exception>
    public static void Fill(Adapter adapter, StoredAdapter file)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var wanted = adapter.Parameters.ToDictionary(p => p.Key, p => (Tensor)p.Parameter, StringComparer.Ordinal);
        var baseTensors = adapter.Host.BaseTensorsInFile(adapter, key => file.Shape(key) is not null).ToDictionary(t => t.Key, t => t.Tensor, StringComparer.Ordinal);
        var mirrors = AdapterHost.Mirrors(adapter).ToDictionary(m => m.Key, m => m.Tensor, StringComparer.Ordinal);
        foreach (var (key, value) in mirrors) baseTensors[key] = value; // checked below, once what they mirror is read
        var errors = Mismatches(file, wanted, baseTensors);
        if (errors.Count > 0) throw BadInputException.All("the adapter does not fit this base model", errors, file.Path);
        CheckValues(file, key => !wanted.ContainsKey(key) && !mirrors.ContainsKey(key), baseTensors);
        foreach (var (key, parameter) in wanted) parameter.copy_(file.Get(key));
        foreach (var (key, value) in mirrors)
            if (file.Shape(key) is not null && !SameBase(value, file.Get(key)))
                throw new BadInputException("the tied output layer's tensor differs from the embedding's", key, file.Path, remedy: "Set ensure_weight_tying to false in adapter_config.json to keep the two apart.");
    }

    private static List<BadInputException> Mismatches(StoredAdapter file, Dictionary<string, Tensor> wanted, Dictionary<string, Tensor> baseTensors)
    {
        string[] missing = [.. wanted.Keys.Where(k => file.Shape(k) is null)], unexpected = [.. file.Names.Where(n => !wanted.ContainsKey(n) && !baseTensors.ContainsKey(n))];
        List<BadInputException> shapes = [], dtypes = [];
        foreach (var (key, own) in wanted.Concat(baseTensors.Where(b => !wanted.ContainsKey(b.Key))))
        {
            if (file.Shape(key) is not { } shape) continue;
            if (!shape.SequenceEqual(own.shape)) shapes.Add(new("a tensor has the wrong shape", $"{key} {Shape(shape)}", expected: Shape(own.shape), remedy: DiffersInRank(key, shape, own.shape) ? "A and B of one module have two ranks." : OtherBase));
            else if (wanted.ContainsKey(key) && !IsFloat(file.DType(key))) dtypes.Add(new("a tensor is not of floating point", $"{key} {file.DType(key)}", expected: "F32, F16, BF16 or F64"));
        }
        if (OtherPrefix(missing, unexpected) is { } prefix) return [prefix, .. Few(shapes, "tensors of a wrong shape"), .. Few(dtypes, "tensors that are not of floating point")];
        return
        [
            .. Few([.. missing.Select(k => new BadInputException("a tensor is missing", k, expected: Shape(wanted[k].shape), remedy: missing.Length > Listed ? null : NearNames.Sentence(k, unexpected)))], "missing tensors"),
            .. Few(shapes, "tensors of a wrong shape"), .. Few(dtypes, "tensors that are not of floating point"),
            .. Few([.. unexpected.Select(k => new BadInputException("a tensor is unexpected", $"{k} {Shape(file.Shape(k)!)}", remedy: "The model has no such module, or the configuration does not ask for it."))], "unexpected tensors"),
        ];
    }

    // Where all that is unexpected is all that is missing under one other beginning, that beginning is the one mistake.
    private static BadInputException? OtherPrefix(IReadOnlyCollection<string> missing, IReadOnlyCollection<string> unexpected)
    {
        if (missing.Count == 0 || missing.Count != unexpected.Count) return null;
        string given = unexpected.First();
        int least = AdapterKeys.EndOf(given)?.Length ?? given.Length - given.LastIndexOf('.'); // a module's name, at least, must be the same
        var wanted = missing.ToHashSet(StringComparer.Ordinal);
        foreach (string candidate in missing)
        {
            int end = CommonEnd(given, candidate);
            string theirs = given[..^end], ours = candidate[..^end];
            if (end > least && unexpected.All(u => u.StartsWith(theirs, StringComparison.Ordinal) && wanted.Contains(ours + u[theirs.Length..])))
                return new("the names of all tensors begin in another way than this model's", given, expected: candidate,
                    remedy: "The adapter was saved from another class or wrapping of the model: save it with PEFT (save_pretrained of the PEFT model), or rename its tensors.");
        }
        return null;
    }

    // The length of the longest equal end that begins a name.
    private static int CommonEnd(string a, string b)
    {
        int same = 0;
        while (same < a.Length && same < b.Length && a[^(same + 1)] == b[^(same + 1)]) same++;
        while (same > 0 && !(Begins(a, same) && Begins(b, same))) same--;
        return same;

        static bool Begins(string text, int end) => end == text.Length || text[^(end + 1)] == '.';
    }

    private static bool DiffersInRank(string key, long[] shape, long[] own)
    {
        int axis = AdapterKeys.EndOf(key) switch { ".lora_A.weight" or ".lora_embedding_A" => 0, ".lora_B.weight" or ".lora_embedding_B" => 1, _ => -1 };
        return axis >= 0 && shape.Length == own.Length && Enumerable.Range(0, shape.Length).All(i => i == axis ? shape[i] != own[i] : shape[i] == own[i]);
    }

    private static IEnumerable<BadInputException> Few(List<BadInputException> all, string what)
        => all.Count <= Listed + 1 ? all : all.Take(Listed).Append(new($"and {all.Count - Listed} more {what}"));

    private static void CheckValues(StoredAdapter file, Func<string, bool> isBase, Dictionary<string, Tensor> baseTensors)
    {
        List<BadInputException> errors = [];
        foreach (string key in file.Names)
        {
            using var scope = NewDisposeScope();
            var values = file.Get(key).to_type(ScalarType.Float32);
            if (!values.isfinite().all().item<bool>()) errors.Add(new("a tensor holds NaN or infinity", key, remedy: "The training that made it diverged, or the file is damaged."));
            else if (isBase(key) && !SameBase(baseTensors[key], file.Get(key)))
                errors.Add(new("the base model's own weight differs from the copy in the adapter", key, expected: "the base the adapter was made for", remedy: "Load the base model named in the adapter's base_model_name_or_path."));
        }
        if (errors.Count > 0) throw BadInputException.All("the adapter cannot be used", [.. Few(errors, "tensors that are wrong")], file.Path);
    }

    // Either may have been stored in the narrower dtype, so both are compared there.
    private static bool SameBase(Tensor own, Tensor stored)
    {
        var narrow = own.element_size() <= stored.element_size() ? own.dtype : stored.dtype;
        return own.to_type(narrow).to_type(ScalarType.Float32).sub(stored.to_type(narrow).to_type(ScalarType.Float32)).abs().max().item<float>() == 0;
    }

    private static bool IsFloat(string dtype) => SafetensorsDType.IsPlain(dtype) || dtype.StartsWith("F8", StringComparison.Ordinal);

    private static string Shape(long[] shape) => StoredAdapter.Shown(shape);
}
