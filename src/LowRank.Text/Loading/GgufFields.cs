using System.Collections;
using LowRank.Tensors;
using LowRank.Text.Models;

namespace LowRank.Text;

/// <summary>The tokenizer's keys of a GGUF file's metadata, each checked as it is read.</summary>
internal sealed class GgufFields(IReadOnlyDictionary<string, object> metadata)
{
    /// <summary>What all its keys begin with.</summary>
    public const string Prefix = "tokenizer.ggml.";

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => metadata.ContainsKey(Prefix + key);

    /// <summary>A string.</summary>
    public string Text(string key) => Value(key) as string ?? throw Wrong(key, "a string");

    /// <summary>A list of strings.</summary>
    public string[] Texts(string key) => Value(key) as string[] ?? throw Wrong(key, "a list of strings");

    /// <summary>A list of whole numbers.</summary>
    public List<int> Numbers(string key)
        => Value(key) is IEnumerable list and not string ? [.. list.Cast<object>().Select(v => Whole(v, key))] : throw Wrong(key, "a list of numbers");

    /// <summary>A list of floating-point numbers.</summary>
    public float[] Floats(string key)
    {
        float[] numbers = Value(key) switch { float[] f => f, double[] d => [.. d.Select(v => (float)v)], _ => throw Wrong(key, "a list of numbers") };
        int bad = Array.FindIndex(numbers, v => !float.IsFinite(v));
        return bad < 0 ? numbers : throw new BadInputException("a score is not a number", $"{numbers[bad]} at {bad}", Prefix + key);
    }

    /// <summary>A list of bytes, signed or not; empty where it is absent.</summary>
    public byte[] Bytes(string key) => !Has(key) ? [] : Value(key) switch
    {
        byte[] bytes => bytes,
        sbyte[] bytes => [.. bytes.Select(b => (byte)b)],
        _ => throw Wrong(key, "a list of bytes"),
    };

    /// <summary>A truth value, or a default where it is absent.</summary>
    public bool Flag(string key, bool otherwise)
        => !metadata.TryGetValue(Prefix + key, out var value) ? otherwise : value as bool? ?? throw Wrong(key, "true or false");

    /// <summary>The id of a role; null where it is absent.</summary>
    public int? Id(string role) => metadata.TryGetValue($"{Prefix}{role}_token_id", out var value) ? Whole(value, $"{role}_token_id") : null;

    /// <summary>The error of a kind of tokenizer that is not supported.</summary>
    public static BadInputException NotYet(string key, string value, IEnumerable<string> known) => new(
        "this kind of tokenizer is not supported yet", value, Prefix + key, string.Join(", ", known), "Use the model's Hugging Face folder, or give token ids instead of texts.");

    private object Value(string key)
        => metadata.TryGetValue(Prefix + key, out var value) ? value
            : throw new BadInputException("the metadata has no such key, so the file carries no tokenizer that can be used", place: Prefix + key, remedy: "Token ids can be used instead of texts.");

    private static int Whole(object value, string key)
    {
        if (value is not (byte or sbyte or short or ushort or int or uint or long or ulong)) throw Wrong(key, "a whole number");
        decimal number = Convert.ToDecimal(value, System.Globalization.CultureInfo.InvariantCulture);
        return number is >= 0 and <= int.MaxValue ? (int)number : throw Wrong(key, "a number from 0 to 2^31 - 1");
    }

    private static BadInputException Wrong(string key, string expected) => new("the value has the wrong type", place: Prefix + key, expected: expected);
}

/// <summary>The vocabulary of a GGUF file: every id's text, kind and, where given, score.</summary>
internal sealed class GgufVocabulary
{
    /// <summary>Reads the lists and checks that they fit each other.</summary>
    public GgufVocabulary(GgufFields fields)
    {
        string[] tokens = fields.Texts("tokens");
        var kinds = fields.Has("token_type") ? fields.Numbers("token_type") : [.. Enumerable.Repeat((int)PieceKind.Normal, tokens.Length)];
        float[] scores = fields.Has("scores") ? fields.Floats("scores") : new float[tokens.Length];
        if (kinds.Count != tokens.Length) throw new BadInputException("there is not one type for each token", $"{kinds.Count} types", GgufFields.Prefix + "token_type", $"{tokens.Length}");
        if (scores.Length != tokens.Length) throw new BadInputException("there is not one score for each token", $"{scores.Length} scores", GgufFields.Prefix + "scores", $"{tokens.Length}");
        // An empty token cannot come from a text; it is named so that its id decodes to something.
        Pieces = [.. tokens.Select((t, id) => new Piece(t.Length > 0 ? t : $"[EMPTY_{id}]", scores[id], Enum.IsDefined((PieceKind)kinds[id]) ? (PieceKind)kinds[id] : PieceKind.Unused))];
        for (int id = 0; id < Pieces.Count; id++)
            if (!Ids.TryAdd(Pieces[id].Text, id)) throw new BadInputException("the vocabulary has a token twice", Pieces[id].Text, GgufFields.Prefix + "tokens");
    }

    /// <summary>The tokens by id.</summary>
    public IReadOnlyList<Piece> Pieces { get; }
    /// <summary>The ids by token.</summary>
    public Dictionary<string, int> Ids { get; } = new(StringComparer.Ordinal);

    /// <summary>An id by its role's key, or a default where that is absent and exists.</summary>
    public int? Role(GgufFields fields, string role, int? otherwise = null)
    {
        if (fields.Id(role) is not { } id) return otherwise < Pieces.Count ? otherwise : null;
        return id < Pieces.Count ? id : throw new BadInputException("the token lies outside the vocabulary", $"{id}", $"{GgufFields.Prefix}{role}_token_id", $"an id below {Pieces.Count}");
    }
}
