using System.Globalization;
using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>What a turn or a row says about whether it is learnt: OpenAI's `weight`, and the names that other programs have for
/// it.</summary>
public static class TurnWeight
{
    // Whether true means learnt.
    private static readonly (string Name, bool Learnt)[] Table =
    [
        ("weight", true), ("loss_weight", true), ("sample_weight", true), ("train", true), ("trainable", true), ("training", true),
        ("loss", true), ("loss_mask", true), ("masked", false),
    ];

    /// <summary>The names.</summary>
    public static IEnumerable<string> Names => Table.Select(t => t.Name);

    /// <summary>Whether it is learnt; null where nothing is said.</summary>
    /// <param name="field">The value of a name; null where it is not there.</param>
    /// <param name="what">The turn or the row, for errors.</param>
    /// <exception cref="BadInputException">A value is neither 0 nor 1, or two of them contradict each other.</exception>
    public static bool? Of(Func<string, JsonElement?> field, string what)
    {
        (string Name, bool Learnt)? said = null;
        foreach (var (name, learnt) in Table)
        {
            if (field(name) is not { } value || Truth(value, name, what) is not { } truth) continue;
            bool here = truth == learnt;
            if (said is { } before && before.Learnt != here)
                throw new BadInputException($"{what} contradicts itself: \"{before.Name}\" says that it is {(before.Learnt ? "" : "not ")}learnt, \"{name}\" that it is{(here ? "" : " not")}", remedy: "Keep one of the two.");
            said ??= (name, here);
        }
        return said?.Learnt;
    }

    /// <summary>A message's.</summary>
    internal static bool? Of(JsonElement message, string what)
        => Of(name => message.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null, what);

    /// <summary>Which messages count: all but the assistant's turns with weight 0. What a weight says of other turns must agree with what
    /// is asked for.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="assistantOnly">Whether only the assistant's turns are learnt.</param>
    /// <exception cref="BadInputException">A weight is wrong, or asks for what is not computed.</exception>
    public static bool[] Counted(JsonElement messages, bool assistantOnly)
    {
        var counted = new bool[messages.GetArrayLength()];
        int i = 0;
        foreach (var message in messages.EnumerateArray())
        {
            bool? weight = message.ValueKind == JsonValueKind.Object ? Of(message, $"messages[{i}]") : null;
            bool assistant = (ChatMessages.RoleOf(message) ?? ChatMessages.RoleOf(message, "from")) is { } role
                && Roles.Meant(role) == "assistant";
            if (!assistant && weight == assistantOnly)
                throw assistantOnly
                    ? new BadInputException($"messages[{i}] is not the assistant's, and its weight says that it is learnt",
                        remedy: "Only the assistant's turns are learnt; take the weight away, or learn all of the conversation (train_on_inputs: true).")
                    : new BadInputException($"messages[{i}] has weight 0, and all of the conversation is to be learnt (train_on_inputs: true)", remedy: "Take the weight away, or learn the assistant's turns only.");
            counted[i++] = !assistant || weight != false;
        }
        return counted;
    }

    private static bool? Truth(JsonElement value, string name, string what)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Null: return null;
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.Number when value.TryGetDouble(out double number) && number is 0 or 1: return value.GetDouble() == 1;
            case JsonValueKind.String when Text(value) is { } text: // tables of text, such as .csv
                if (text.Length == 0) return null;
                if (bool.TryParse(text, out bool truth)) return truth;
                if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) && parsed is 0 or 1)
                    return parsed == 1;
                break;
        }
        string shown = value.GetRawText();
        throw new BadInputException($"{what} has a \"{name}\" that is neither 0 nor 1", shown.Length <= 40 ? shown : shown[..37] + "...",
            expected: "0 or 1, false or true: a turn or row is learnt or not",
            remedy: $"Round it; or, if it is no weight, list it in the setting ignore_columns: [{name}].");
    }

    private static string? Text(JsonElement value)
    {
        try { return value.GetString()!.Trim(); }
        catch (InvalidOperationException) { return null; } // half a surrogate pair
    }
}
