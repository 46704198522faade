using System.Text.Json;

namespace LowRank.Text;

/// <summary>Reads truncation and padding sections.</summary>
internal static class SizingReader
{
    /// <summary>A truncation; null where the section is.</summary>
    public static Truncation? Truncation(Node node) => node.IsNull ? null : new Truncation(
        node.Required("max_length").Index(),
        OneOf(node["strategy"], TruncationStrategy.LongestFirst),
        OneOf(node["direction"], Side.Right),
        node["stride"].IsNull ? 0 : node["stride"].Index());

    /// <summary>A padding; null where the section is.</summary>
    public static Padding? Padding(Node node) => node.IsNull ? null : new Padding(
        Length(node["strategy"]),
        OneOf(node["direction"], Side.Right),
        node["pad_to_multiple_of"].IsNull ? null : node["pad_to_multiple_of"].Index(),
        node["pad_id"].IsNull ? 0 : node["pad_id"].Index(),
        node["pad_type_id"].IsNull ? 0 : node["pad_type_id"].Index(),
        node["pad_token"].IsNull ? "[PAD]" : node["pad_token"].String());

    // "BatchLongest" or {"Fixed": length}.
    private static int? Length(Node node)
    {
        if (node.IsNull || (node.Element.ValueKind == JsonValueKind.String && node.String() == "BatchLongest")) return null;
        return node.Element.ValueKind == JsonValueKind.Object ? node.Required("Fixed").Index() : throw node.Wrong("BatchLongest or {\"Fixed\": length}");
    }

    private static T OneOf<T>(Node node, T otherwise) where T : struct, Enum
    {
        if (node.IsNull) return otherwise;
        string name = node.String();
        return Enum.GetNames<T>().Contains(name, StringComparer.Ordinal) ? Enum.Parse<T>(name) : throw node.Wrong(string.Join(", ", Enum.GetNames<T>()));
    }
}
