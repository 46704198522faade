using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>The settings `ARCHITECTURE.key` of a GGUF file. Remembers what was read, so that a setting nobody looked at is refused instead of ignored.</summary>
internal sealed class GgufMetadata
{
    /// <summary>Settings that do not change what the model computes.</summary>
    private static readonly string[] Harmless = ["vocab_size", "rope.scaling.finetuned", "tensor_data_layout", "context_length"];

    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public GgufMetadata(GgufFile file)
    {
        File = file;
        Architecture = file.Metadata.GetValueOrDefault("general.architecture") as string
            ?? throw new BadInputException("the file does not say its architecture", "general.architecture", file.Path, remedy: "It may hold no model.");
    }

    public GgufFile File { get; }
    public string Architecture { get; }

    /// <summary>A whole number that must be there. A list, as some architectures have by layer, must hold one value throughout.</summary>
    public int Integer(string key) => OptionalInteger(key) ?? throw new BadInputException("a setting is missing", $"{Architecture}.{key}", File.Path);

    public int? OptionalInteger(string key)
    {
        object? value = Value(key);
        if (value is Array list)
        {
            object[] different = [.. list.Cast<object>().Distinct()];
            if (different.Length != 1) throw Bad(key, string.Join(", ", different), "the same number for every layer");
            value = different[0];
        }
        return value switch
        {
            null => null,
            byte or sbyte or ushort or short or int or uint or long or ulong when Convert.ToDecimal(value, null) is >= 0 and <= int.MaxValue and var number => (int)number,
            _ => throw Bad(key, $"{value}", "a whole number, not negative"),
        };
    }

    public double? Real(string key) => Value(key) switch
    {
        null => null,
        float v when float.IsFinite(v) => v,
        double v when double.IsFinite(v) => v,
        var v => throw Bad(key, $"{v}", "a finite number"),
    };

    public string? Text(string key) => Value(key) switch { null => null, string v => v, var v => throw Bad(key, $"{v}", "text") };

    public bool[]? Flags(string key) => Value(key) switch { null => null, bool[] v => v, var v => throw Bad(key, $"{v}", "a list of truth values") };

    /// <summary>Whether the setting is a list.</summary>
    public bool IsList(string key) => File.Metadata.GetValueOrDefault($"{Architecture}.{key}") is Array;

    /// <summary>An error about one setting.</summary>
    public BadInputException Bad(string key, string value, string expected)
        => new("a setting's value cannot be used", $"{Architecture}.{key} = {value}", File.Path, expected);

    /// <summary>Refuses settings of this architecture that were not read and are not known to be harmless.</summary>
    public void RefuseUnread()
    {
        string[] unread = [.. File.Metadata.Keys.Where(k => k.StartsWith(Architecture + ".", StringComparison.Ordinal) && !_read.Contains(k) && !Harmless.Contains(k[(Architecture.Length + 1)..]))];
        if (unread.Length > 0)
            throw new BadInputException("the file has settings that are not known here and may change what the model computes", string.Join(", ", unread), File.Path, remedy: "Use the model's Hugging Face folder instead.");
    }

    private object? Value(string key)
    {
        _read.Add($"{Architecture}.{key}");
        return File.Metadata.GetValueOrDefault($"{Architecture}.{key}");
    }
}
