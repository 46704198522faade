using LowRank.Tensors;
using LowRank.Text.PostProcessors;

namespace LowRank.Text;

/// <summary>Reads a TemplateProcessing section.</summary>
internal static class TemplateReader
{
    private static readonly TemplateItem A = new(0, [], [], 0), B = new(1, [], [], 1);

    /// <summary>The post-processor.</summary>
    public static IPostProcessor Read(Node node)
    {
        var specials = node["special_tokens"].IsNull ? [] : node["special_tokens"].Fields().ToDictionary(f => f.Name, f => Special(f.Value), StringComparer.Ordinal);
        return new TemplatePostProcessor(Items(node["single"], specials, [A], pair: false), Items(node["pair"], specials, [A, B], pair: true));
    }

    private static (int[] Ids, string[] Tokens) Special(Node node)
    {
        int[] ids = [.. node.Required("ids").Items().Select(i => i.Index())];
        string[] tokens = [.. node.Required("tokens").Items().Select(t => t.String())];
        return ids.Length == tokens.Length ? (ids, tokens) : throw new BadInputException("a special token has another number of ids than of tokens", $"{ids.Length} and {tokens.Length}", node.Place);
    }

    private static IReadOnlyList<TemplateItem> Items(Node list, Dictionary<string, (int[] Ids, string[] Tokens)> specials, TemplateItem[] otherwise, bool pair)
    {
        if (list.IsNull) return otherwise;
        var items = new List<TemplateItem>();
        foreach (var node in list.Items())
        {
            var (kind, value) = node.Fields().FirstOrDefault();
            int type = value["type_id"].IsNull ? 0 : value["type_id"].Index();
            string id = value.Required("id").String();
            items.Add((kind, id) switch
            {
                ("Sequence", "A") => A with { TypeId = type },
                ("Sequence", "B") when pair => B with { TypeId = type },
                ("Sequence", _) => throw new BadInputException("the template names a sequence it does not have", id, node.Place),
                ("SpecialToken", _) when specials.TryGetValue(id, out var special) => new TemplateItem(null, special.Ids, special.Tokens, type),
                ("SpecialToken", _) => throw new BadInputException("the template's special token is not among its special_tokens", id, node.Place, remedy: NearNames.Sentence(id, specials.Keys)),
                _ => throw node.Wrong("an item Sequence or SpecialToken"),
            });
        }
        return items;
    }
}
