using System.Globalization;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// Finds the weights that are no numbers. Looking through all of a base reads it whole, so it is done where a result is no number, and before a merge, which reads everything anyway.
/// </summary>
public static class WeightCheck
{
    private const int Named = 5;
    private const long Portion = 1 << 22;

    /// <summary>The error about a result that is no number: names the weights that are none or, where all are numbers, says what else it can be.</summary>
    /// <param name="model">The model that computed it; its weights are read through.</param>
    /// <param name="result">What is no number: "the loss is NaN".</param>
    public static BadInputException Explain(CausalLM model, string result)
        => NonFinite(model, result) ?? new(result, place: Place(model), expected: "a finite number",
            remedy: "All weights of the base are numbers: the adapters' values or strengths are too large for it, or bfloat16 is too narrow (use dtype float32).");

    /// <summary>Checks every weight of a model.</summary>
    /// <exception cref="BadInputException">Some hold NaN or infinity: named with their tensors.</exception>
    public static void Require(CausalLM model)
    {
        if (NonFinite(model, null) is { } error) throw error;
    }

    private static BadInputException? NonFinite(CausalLM model, string? result)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        string[] bad = [.. model.Stored().Select(w => First(w.Name, w.Weight)).OfType<string>()];
        if (bad.Length == 0) return null;
        string shown = string.Join("; ", bad.Take(Named)) + (bad.Length > Named ? $"; and {bad.Length - Named} more tensors" : "");
        return new($"{(result is null ? "" : result + ": ")}the model's weights are not all numbers", shown, Place(model), "finite numbers",
            "The file is damaged, or the training that made it diverged: download it again, or take an earlier state.");
    }

    private static string? Place(CausalLM model) => model.Source.Length == 0 ? null : model.Source;

    // "NAME is NaN at [3, 17]", some rows at a time.
    private static string? First(string name, StoredWeight weight)
    {
        long rows = weight.Size(0), columns = Math.Max(1, weight.Elements / Math.Max(1, rows)), step = Math.Max(1, Portion / columns);
        for (long row = 0; row < rows; row += step)
        {
            using var scope = NewDisposeScope();
            long many = Math.Min(step, rows - row);
            var values = weight.Quantized is { } blocks
                ? blocks.Dequantize(row, many, ScalarType.Float32)
                : weight.Parameter.detach().narrow(0, row, many).reshape(many, columns);
            var good = values.isfinite();
            if (good.all().item<bool>()) continue;
            long at = good.reshape(-1).to(ScalarType.Byte).argmin().item<long>();
            float value = values.reshape(-1)[at].to(ScalarType.Float32).item<float>();
            string place = weight.Quantized is not null || weight.Parameter.dim() > 1 ? $"{row + at / columns}, {at % columns}" : $"{row + at}";
            return $"{name} is {value.ToString(CultureInfo.InvariantCulture)} at [{place}]";
        }
        return null;
    }
}
