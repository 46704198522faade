using System.Collections;
using System.Reflection;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// How a model held its modules when a host came to it. A module that its parent no longer holds is one that nobody computes with: torch's
/// registry keeps the first for ever,
/// so the parent's own field or list is asked too.
/// </summary>
internal sealed class ModuleTree
{
    private const BindingFlags Fields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private readonly nn.Module _root;
    private readonly Dictionary<nn.Module, Link> _links = new(ReferenceEqualityComparer.Instance);

    public ModuleTree(nn.Module root)
    {
        _root = root;
        Add(root, "");
    }

    /// <summary>Every module, the root too.</summary>
    public IEnumerable<nn.Module> All => _links.Keys.Prepend(_root);

    /// <summary>The path of a module on the way from the root to <paramref name="module"/> that is no longer held where it was; null where
    /// all are.</summary>
    /// <param name="module">A module of the tree.</param>
    /// <param name="quick">Asks fields only: for every forward pass.</param>
    public string? Replaced(nn.Module module, bool quick = false)
    {
        for (var at = module; !ReferenceEquals(at, _root) && _links.TryGetValue(at, out var link); at = link.Parent)
            if (!link.Holds(at, quick)) return link.Path;
        return null;
    }

    /// <summary>The same of any module.</summary>
    public string? Replaced() => _links.Where(l => !l.Value.Holds(l.Key, quick: false)).Select(l => l.Value.Path).FirstOrDefault();

    private void Add(nn.Module parent, string prefix)
    {
        foreach (var (name, module) in parent.named_children())
        {
            if (ReferenceEquals(module, _root) || _links.ContainsKey(module)) continue;
            _links.Add(module, new(parent, prefix + name, FieldOf(parent, name, module), Lists(parent, module)));
            Add(module, prefix + name + ".");
        }
    }

    // Only the field that the module was registered from: another may point at one module after the other.
    private static FieldInfo? FieldOf(nn.Module parent, string name, nn.Module module)
    {
        for (var type = parent.GetType(); type is not null && type != typeof(nn.Module); type = type.BaseType)
            foreach (var field in type.GetFields(Fields))
                if (!field.IsInitOnly && Bare(field.Name) == Bare(name) && ReferenceEquals(field.GetValue(parent), module)) return field;
        return null;
    }

    private static string Bare(string name) => name.Replace("k__BackingField", "", StringComparison.Ordinal).Trim('<', '>',
        '_').ToUpperInvariant();

    private static bool Lists(nn.Module parent, nn.Module module) => parent is IEnumerable list && list.Cast<object?>().Any(item
        => ReferenceEquals(item, module));

    private sealed record Link(nn.Module Parent, string Path, FieldInfo? Field, bool Listed)
    {
        public bool Holds(nn.Module module, bool quick)
            => (Field is null || ReferenceEquals(Field.GetValue(Parent), module))
                && (quick || ((!Listed || Lists(Parent, module)) && Parent.named_children().Any(c => ReferenceEquals(c.module, module))));
    }
}
