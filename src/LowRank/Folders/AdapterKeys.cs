using LowRank.Tensors;

namespace LowRank;

/// <summary>
/// The keys of adapter files. PEFT writes a tensor's key without the adapter's name; files taken from a model's state, and files of older versions, have the name in it,
/// or `.weight` behind a magnitude. PEFT reads those too.
/// </summary>
internal static class AdapterKeys
{
    private static readonly string[] Modules = [".lora_A.", ".lora_B."];
    private static readonly string[] Values = [".lora_embedding_A", ".lora_embedding_B", ".lora_magnitude_vector", ".token_adapter.trainable_tokens_delta"];
    private const string Copies = ".modules_to_save.";

    /// <summary>Ends of the keys whose first dimension is the rank.</summary>
    public static readonly string[] RankedByFirst = [".lora_A.weight", ".lora_embedding_A"];

    /// <summary>The keys as PEFT writes them, with those of the file.</summary>
    /// <param name="names">The file's keys.</param>
    /// <param name="place">The file, for messages.</param>
    /// <exception cref="BadInputException">They have several adapters' names, or two mean the same.</exception>
    public static Dictionary<string, string> Plain(IReadOnlyCollection<string> names, string place)
    {
        string[] adapters = [.. names.Select(n => Split(n).Adapter).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        if (adapters.Length > 1)
            throw new BadInputException("the file holds several adapters", string.Join(", ", adapters), place, "one", "Save each by itself: save_pretrained(FOLDER, selected_adapters=[NAME]).");
        Dictionary<string, string> plain = new(StringComparer.Ordinal);
        foreach (string name in names)
            if (!plain.TryAdd(Split(name).Key, name))
                throw new BadInputException("two tensors are the same part of the adapter", $"{plain[Split(name).Key]}, {name}", place, "one of them");
        return plain;
    }

    /// <summary>The end of a key behind its module's path, with the dot; null where it is no low-rank factor's, magnitude's or token rows'.</summary>
    public static string? EndOf(string key)
        => Modules.Concat(Values).Select(e => key.LastIndexOf(e, StringComparison.Ordinal)).Max() is >= 0 and var at ? key[at..] : null;

    private static (string Key, string? Adapter) Split(string key)
    {
        foreach (string end in Modules)
            if (key.LastIndexOf(end, StringComparison.Ordinal) is >= 0 and var at && key[(at + end.Length)..].Split('.') is [var name, "weight" or "bias"] parts)
                return (key[..(at + end.Length)] + parts[1], name);
        foreach (string end in Values)
            if (key.LastIndexOf(end, StringComparison.Ordinal) is >= 0 and var at)
                return key[(at + end.Length)..].Split('.') switch
                {
                    ["", "weight"] => (key[..(at + end.Length)], null),
                    ["", var adapter] => (key[..(at + end.Length)], adapter),
                    ["", var adapter, "weight"] => (key[..(at + end.Length)], adapter),
                    _ => (key, null),
                };
        if (key.LastIndexOf(Copies, StringComparison.Ordinal) is >= 0 and var copy && key[(copy + Copies.Length)..].Split('.', 2) is [var owner, var rest])
            return ($"{key[..copy]}.{rest}", owner);
        return (key, null);
    }
}
