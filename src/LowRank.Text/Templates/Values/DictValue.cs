namespace LowRank.Text.Templates.Values;

/// <summary>Python's dict, in the order of insertion; filled while it is made, fixed afterwards.</summary>
internal sealed class DictValue : Value
{
    private readonly OrderedDictionary<Value, Value> _items;
    private long _weight = 1;

    public DictValue(int capacity = 0) => _items = new(capacity);

    public override string TypeName => "dict";
    public override bool IsTrue => _items.Count > 0;
    public override bool IsHashable => false;
    public override long Weight => _weight;
    public int Count => _items.Count;

    /// <summary>Sets an item while the dictionary is made.</summary>
    public void Set(Value key, Value value)
    {
        if (!key.IsHashable) throw Fail.Runtime($"unhashable type: '{Unhashable(key).TypeName}'");
        _weight = Math.Min(_weight + key.Weight + value.Weight, long.MaxValue / 4);
        _items[key] = value;
    }

    /// <summary>The value of a key; null where there is none.</summary>
    public Value? Get(Value key) => _items.TryGetValue(key, out var value) ? value : null;

    /// <summary>An item by its place.</summary>
    public KeyValuePair<Value, Value> At(int index) => _items.GetAt(index);

    public Value[] Keys() => Make(static i => i.Key);
    public Value[] Values() => Make(static i => i.Value);
    public Value[] Pairs() => Make(static i => new TupleValue([i.Key, i.Value]));

    public override bool Equals(object? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is not DictValue d || d.Count != Count) return false;
        Fail.CheckStack();
        for (int i = 0; i < Count; i++)
        {
            var (key, value) = At(i);
            if (d.Get(key) is not { } theirs || !value.Equals(theirs)) return false;
        }
        return true;
    }

    public override int GetHashCode() => throw Fail.Runtime("unhashable type: 'dict'");

    private Value[] Make(Func<KeyValuePair<Value, Value>, Value> part)
    {
        var made = new Value[Count];
        for (int i = 0; i < made.Length; i++) made[i] = part(_items.GetAt(i));
        return made;
    }

    private static Value Unhashable(Value key) => key is TupleValue t ? t.Items.Where(i => !i.IsHashable).Select(Unhashable).First() : key;
}

/// <summary>What keys(), values() and items() give.</summary>
internal sealed class DictView(string type, DictValue dict) : Value
{
    public override string TypeName => type;
    public override bool IsTrue => dict.IsTrue;
    public override bool IsHashable => false;
    public override long Weight => dict.Weight;
    public int Count => dict.Count;
    public Value[] Items() => type switch { "dict_keys" => dict.Keys(), "dict_values" => dict.Values(), _ => dict.Pairs() };

    /// <summary>Whether a key or a pair is there, without a walk; null where only a walk can tell.</summary>
    public bool? Contains(Value item) => type switch
    {
        "dict_keys" => dict.Get(item) is not null,
        "dict_items" => item is TupleValue { Items.Length: 2 } pair && pair.Items[0].IsHashable && dict.Get(pair.Items[0]) is { } v && v.Equals(pair.Items[1]),
        _ => null,
    };

    public override bool Equals(object? other) => ReferenceEquals(this, other) || (type != "dict_values" && other is DictView v && v.TypeName == type && v.Count == Count && Items().All(i => v.Contains(i) == true));
    public override int GetHashCode() => throw Fail.Runtime($"unhashable type: '{type}'");
}
