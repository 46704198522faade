namespace LowRank.Text;

/// <summary>How one family of byte-level models cuts texts.</summary>
/// <param name="Patterns">Regular expressions, each cutting what the one before has left.</param>
/// <param name="Nfc">Whether texts are composed first.</param>
/// <param name="IgnoreMerges">Whether a word that is a token is that token, whatever the merges say.</param>
/// <param name="AddBos">Whether the beginning token is added unless the file says otherwise.</param>
/// <param name="RawText">Whether merges are of characters and not of bytes.</param>
internal sealed record GgufFamily(string[] Patterns, bool Nfc = false, bool IgnoreMerges = false, bool AddBos = false, bool RawText = false);

/// <summary>The names of tokenizer.ggml.pre.</summary>
internal static class GgufFamilies
{
    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)", Blanks = @"\s+(?!\S)|\s+", Lines = @"\s*[\r\n]+|" + Blanks;
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|" + Blanks;
    private const string Words = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string Others = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + Lines, OthersWithSlash = @"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Lines;
    private const string Gpt4 = Words + @"\p{N}{1,3}" + Others, Qwen2 = Words + @"\p{N}" + Others;
    private const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", Before = @"[^\r\n\p{L}\p{N}]?";
    private const string CasedWords = Before + Upper + "*" + Lower + "+" + Contractions + "?|" + Before + Upper + "+" + Lower + "*" + Contractions + "?|";
    private const string Gpt4o = CasedWords + @"\p{N}{1,3}" + OthersWithSlash;
    private const string Chinese = "[一-龥぀-ゟ゠-ヿ]+", Thousands = @"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))";
    private const string DeepSeekWords = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+";
    private const string DeepSeek = DeepSeekWords + @"[\r\n]*|" + Lines;
    private const string Bloom = " ?[^(\\s|.,!?…。，、।۔،)]+";
    private const string KimiUpper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", KimiLower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]";
    private const string Kimi = @"[\p{Han}]+|" + Before + KimiUpper + "*" + KimiLower + "+" + Contractions + "?|" + Before + KimiUpper + "+" + KimiLower + "*" + Contractions + @"?|\p{N}{1,3}" + Others;
    private const string Asian = "[一-鿿㐀-䶿\uF900-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+";
    private const string Latin = // cased letters of an older Unicode; those that normalize to others are written as numbers
        "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\u1F5F-\u1F7Dᾀ-ᾴᾶ-ᾼ\u1FBEῂ-ῄῆ-ῌ\u1FD0-\u1FD3\u1FD6-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-\u212Dℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";

    private static readonly GgufFamily OfGpt2 = new([Gpt2]), OfDigits = new([@"\p{N}", Gpt2]), OfLlama3 = new([Gpt4], IgnoreMerges: true, AddBos: true), OfGpt4 = new([Gpt4]);
    private static readonly GgufFamily OfQwen2 = new([Qwen2], Nfc: true), OfQwenCutting = new([Qwen2]), OfGpt4o = new([Gpt4o]), OfBloom = new([Bloom]), OfDeepSeek3 = new([@"\p{N}{1,3}", Chinese, DeepSeek]);
    private static readonly GgufFamily OfBailing = new([@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|" + Blanks]);
    private static readonly GgufFamily OfGemma4 = new([@"[^\n]+|[\n]+"], AddBos: true, RawText: true), OfAya = new([@"\d{1,3}(?=(?:\d{3})*\b)", Gpt4o]);

    private static readonly (GgufFamily Family, string[] Names)[] Rows =
    [
        (OfGpt2, ["gpt-2", "phi-2", "jais", "trillion", "granite-docling", "exaone4", "gigachat", "a.x-4.0", "mellum",
            "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code", "roberta-bpe"]),
        (OfGpt2 with { Nfc = true }, ["mpt", "olmo", "modern-bert"]),
        (OfDigits with { Nfc = true }, ["command-r"]),
        (OfDigits, ["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"]),
        (OfLlama3, ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"]),
        (OfGpt4, ["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"]),
        (OfQwen2, ["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez"]),
        (OfQwenCutting, ["stablelm2", "hunyuan", "solar-open", "grok-2"]),
        (OfGpt4o, ["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"]),
        (OfGpt4o with { IgnoreMerges = true }, ["granite-embed-multi-97m"]),
        (OfDeepSeek3, ["deepseek-v3", "hunyuan-dense", "joyai-llm"]),
        (OfBloom, ["bloom", "poro-chat", "gpt3-finnish"]),
        (OfBailing, ["bailingmoe", "bailingmoe2", "llada-moe"]),
        (OfGemma4, ["gemma4", "granite-embed-multi-311m"]),
        (OfGemma4 with { AddBos = false }, ["sarvam-moe"]),
        (OfAya, ["tiny_aya", "cohere2moe"]),
        (new([Contractions + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + Lines], Nfc: true), ["qwen35"]),
        (new([Before + Upper + "*" + Lower + "+|" + Before + Upper + "+" + Lower + @"*|\p{N}" + OthersWithSlash], IgnoreMerges: true, AddBos: true), ["tekken"]),
        (new([Kimi]), ["kimi-k2"]),
        (new([@"\p{N}+", @"(?=(\d{3})+(?!\d))"]), ["superbpe"]),
        (new([Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + Lines]), ["seed-coder"]),
        (new([Thousands, Asian, DeepSeek]), ["afmoe"]),
        (new([@"[^\n]+|[\n]+", Qwen2]), ["laguna"]),
        (new([Contractions + @"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|" + Blanks]), ["exaone-moe"]),
        (new([@"\p{N}{1,3}", Words + @"\p{N}+" + Others], IgnoreMerges: true), ["minicpm5"]),
        (new([Words + @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"]), ["jais-2"]),
        (new(["[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + Chinese, CasedWords + @"\p{N}" + OthersWithSlash], IgnoreMerges: true), ["youtu"]),
        (new([@"\p{N}{1,3}", Chinese, DeepSeekWords + @"|[\r\n]|" + Blanks, @"\p{N}"]), ["spark2_5"]),
        (new(["[\r\n]", Latin, @"\s?[!-/:-~！-／：-～‘-‟　-。]+", @"\s+$", "[一-龥ࠀ-一가-퟿]+", @"\p{N}+"]), ["deepseek-llm"]),
        (new(["[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", @"\p{N}"]), ["deepseek-coder"]),
        (new([@"[\p{P}\$\+<=>\^~\|`]+", Gpt2, "[0-9][0-9][0-9]"]), ["falcon"]),
        (new([Bloom, @"\p{N}"]), ["viking"]),
        (new([@"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\t\n]|    |  )", @"\p{N}", @"[\p{P}!-/:-@\[-`{-~]", Gpt2], AddBos: true), ["chameleon"]),
        (new([@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"]), ["default"]),
    ];

    /// <summary>All families by name.</summary>
    public static IReadOnlyDictionary<string, GgufFamily> All { get; } = Rows.SelectMany(r => r.Names.Select(n => (Name: n, r.Family))).ToDictionary(r => r.Name, r => r.Family, StringComparer.Ordinal);
}
