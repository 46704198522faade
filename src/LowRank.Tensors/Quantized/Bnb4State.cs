using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>What bitsandbytes notes beside a 4-bit weight, as JSON text in a tensor of bytes.</summary>
/// <param name="Code">`nf4` or `fp4`.</param>
/// <param name="BlockSize">Numbers that share a scale.</param>
/// <param name="DType">The dtype that was quantised: `float32`, `bfloat16`, `float16`.</param>
/// <param name="Rows">Rows of the matrix.</param>
/// <param name="Columns">Columns of the matrix.</param>
/// <param name="Offset">The mean that was taken from the scales before they were quantised; null where they were not.</param>
internal sealed record Bnb4State(string Code, int BlockSize, string DType, long Rows, long Columns, float? Offset)
{
    /// <summary>Scales that share a scale, where they are quantised.</summary>
    public const int NestedBlock = 256;

    /// <summary>The text, letter for letter as Python's json writes it.</summary>
    public string ToJson()
    {
        string text = $"{{\"quant_type\": \"{Code}\", \"blocksize\": {BlockSize}, \"dtype\": \"{DType}\", \"shape\": [{Rows}, {Columns}]";
        if (Offset is { } offset) text += $", \"nested_blocksize\": {NestedBlock}, \"nested_dtype\": \"float32\", \"nested_offset\": {Python(offset)}";
        return text + "}";
    }

    /// <summary>Parses the text.</summary>
    /// <exception cref="BadInputException">It is not such a text, or describes no matrix.</exception>
    public static Bnb4State Parse(string text, string place)
    {
        try
        {
            var json = JsonNode.Parse(text)!.AsObject();
            long[] shape = [.. json["shape"]!.AsArray().Select(size => size!.GetValue<long>())];
            int blockSize = json["blocksize"]!.GetValue<int>();
            if (shape.Length != 2 || shape.Any(size => size < 0 || size > int.MaxValue)) throw new BadInputException("only matrices are read in 4 bits", Companions.Shape(shape), place, "two sizes below 2^31");
            if (blockSize < 2 || !int.IsPow2(blockSize)) throw new BadInputException("an unknown block size", $"{blockSize}", place, "a power of two");
            float? offset = json["nested_offset"] is { } nested ? (float)nested.GetValue<double>() : null;
            if (offset is not null && json["nested_blocksize"]?.GetValue<int>() is not NestedBlock)
                throw new BadInputException("an unknown block size of quantised scales", $"{json["nested_blocksize"]}", place, $"{NestedBlock}");
            return new Bnb4State(json["quant_type"]!.GetValue<string>(), blockSize, json["dtype"]!.GetValue<string>(), shape[0], shape[1], offset);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException or FormatException)
        {
            throw new BadInputException("the quant_state of a 4-bit weight cannot be read", text.Length > 200 ? text[..200] + "..." : text, place, inner: e);
        }
    }

    /// <summary>A double as Python writes it: the shortest digits, an exponent of two digits below 1e-4 and from 1e16 on, and always a point or an exponent.</summary>
    internal static string Python(double value)
    {
        string[] parts = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        string[] sides = parts[0].Split('.');
        string digits = (sides[0] + sides.ElementAtOrDefault(1)).TrimStart('0');
        // digits as d.ddd times ten to this power
        int exponent = sides[0].Length - 1 + (parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0) - ((sides[0] + sides.ElementAtOrDefault(1)).Length - digits.Length);
        digits = digits.TrimEnd('0');
        string sign = double.IsNegative(value) ? "-" : "";
        if (digits.Length == 0) return sign + "0.0";
        if (exponent is < -4 or >= 16) return $"{sign}{digits[0]}{(digits.Length > 1 ? "." + digits[1..] : "")}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        digits = digits.PadRight(exponent + 2, '0');
        return $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }
}
