using System.Globalization;
using System.Text.RegularExpressions;

namespace LowRank.Tensors;

/// <summary>A GGUF file that is one of several: which of how many, and where the first one lies.</summary>
/// <param name="Number">Which part, from 1.</param>
/// <param name="Count">How many there are.</param>
/// <param name="First">The first part's file; null where the name does not tell.</param>
public sealed partial record GgufSplit(long Number, long Count, string? First)
{
    /// <summary>For messages: "part 2 of 3 of a split GGUF model".</summary>
    public string Words => $"part {Number} of {Count} of a split GGUF model";

    /// <summary>The error of whoever wants a whole model.</summary>
    public BadInputException Refusal(string path) => new("the model is split over several GGUF files", $"part {Number} of {Count}", path,
        remedy: $"Join them with `llama-gguf-split --merge {Path.GetFileName(First ?? path)} WHOLE.gguf` (it is given the first part) and load the result.");

    /// <summary>What a file's metadata say, or its name where they do not; null where it is whole.</summary>
    public static GgufSplit? Of(GgufFile file)
    {
        long? count = Whole(file, "split.count"), number = Whole(file, "split.no") + 1;
        var name = PartName().Match(Path.GetFileName(file.Path));
        if (count is null or 0 && name.Success) (number, count) = (long.Parse(name.Groups[2].ValueSpan, CultureInfo.InvariantCulture), long.Parse(name.Groups[3].ValueSpan, CultureInfo.InvariantCulture));
        if (count is null or <= 1) return null;
        string? first = name.Success ? Path.Combine(Path.GetDirectoryName(file.Path) ?? "", $"{name.Groups[1].Value}-00001-of-{name.Groups[3].Value}.gguf") : number == 1 ? file.Path : null;
        return new(number ?? 1, count.Value, first);
    }

    private static long? Whole(GgufFile file, string key)
        => file.Metadata.GetValueOrDefault(key) is IConvertible and not string and var value && Convert.ToDouble(value, CultureInfo.InvariantCulture) is >= 0 and < 1e6 and var number ? (long)number : null;

    [GeneratedRegex(@"^(.+)-(\d{5})-of-(\d{5})\.gguf$")]
    private static partial Regex PartName();
}
