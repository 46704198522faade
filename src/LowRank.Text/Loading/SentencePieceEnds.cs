namespace LowRank.Text;

/// <summary>What is put around a text whose tokenizer is a SentencePiece file only: add_bos_token and add_eos_token, else what goes without saying for the family.</summary>
internal static class SentencePieceEnds
{
    // By the beginning of tokenizer_class or model_type.
    private static readonly (string Family, bool Bos, bool Eos)[] Families =
    [
        ("llama", true, false), ("codellama", true, false), ("mistral", true, false), ("mixtral", true, false), ("gemma", true, false), ("t5", false, true), ("mt5", false, true), ("umt5", false, true),
    ];

    /// <summary>Whether a beginning and an end token are added.</summary>
    public static (bool Bos, bool Eos) Of(string folder, Node? config)
    {
        string? family = config is { } c && !c["tokenizer_class"].IsNull ? c["tokenizer_class"].String() : SpecialTokenFiles.Open(folder, "config.json") is { } model && !model["model_type"].IsNull ? model["model_type"].String() : null;
        var (_, bos, eos) = Families.FirstOrDefault(f => family?.StartsWith(f.Family, StringComparison.OrdinalIgnoreCase) == true);
        return config is { } given ? (given["add_bos_token"].Bool(bos), given["add_eos_token"].Bool(eos)) : (bos, eos);
    }
}
