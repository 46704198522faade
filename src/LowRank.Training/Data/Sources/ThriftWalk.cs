namespace LowRank.Training;

/// <summary>What a value in Thrift's compact protocol is read as; whole numbers of 16, 32 and 64 bits are written alike.</summary>
internal enum ThriftType { Bool = 1, Byte, Number, Double, Binary, List, Map, Structure }

/// <summary>
/// Walks over a structure in Thrift's compact protocol, which parquet's headers are written in, and takes nothing from it but the numbers of its own fields. A list or text that claims more than the bytes
/// left can hold, or a field that is not what its shape says, is found here: the package would make room for what is claimed, or read on behind the end without one.
/// </summary>
internal ref struct ThriftWalk(ReadOnlySpan<byte> bytes)
{
    private const int MostNesting = 32;
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Bytes walked over.</summary>
    public int At { get; private set; }

    /// <summary>Walks over one structure; gives the whole numbers among its own fields by their ids.</summary>
    /// <exception cref="InvalidDataException">It is not whole, or not of this shape.</exception>
    public Dictionary<int, long> Structure(ParquetShape shape)
    {
        Dictionary<int, long> numbers = [];
        Structure(shape, 0, numbers);
        return numbers;
    }

    private void Structure(ParquetShape? shape, int depth, Dictionary<int, long>? numbers)
    {
        if (depth > MostNesting) throw new InvalidDataException("a header is nested too deeply");
        for (int id = 0; ;)
        {
            int head = Byte();
            if ((head & 15) == 0) return;
            id = head >> 4 is var step and > 0 ? id + step : (int)Number();
            var type = TypeOf(head & 15);
            (ThriftType Type, ThriftType Of, ParquetShape? Shape) wanted = default;
            if (shape?.Fields.TryGetValue(id, out wanted) == true && wanted.Type != type) throw new InvalidDataException($"field {id} of a header is {type}, not {wanted.Type}");
            if (type == ThriftType.Bool) continue; // which of the two is its type
            if (type == ThriftType.Number && numbers is not null) numbers[id] = Number();
            else Value(type, wanted.Of, wanted.Shape, depth);
        }
    }

    private void Value(ThriftType type, ThriftType of, ParquetShape? shape, int depth)
    {
        switch (type)
        {
            case ThriftType.Bool or ThriftType.Byte: Skip(1); break;
            case ThriftType.Number: Number(); break;
            case ThriftType.Double: Skip(8); break;
            case ThriftType.Binary: Skip(Varint()); break;
            case ThriftType.List: List(of, shape, depth); break;
            case ThriftType.Map: Map(depth); break;
            case ThriftType.Structure: Structure(shape, depth + 1, null); break;
        }
    }

    private void List(ThriftType of, ParquetShape? shape, int depth)
    {
        int head = Byte();
        ulong count = head >> 4 is var few and < 15 ? (ulong)few : Varint();
        if (count == 0) return;
        var type = TypeOf(head & 15);
        if (of != 0 && type != of) throw new InvalidDataException($"a list of a header holds {type}, not {of}");
        CheckCount(count, depth);
        for (ulong i = 0; i < count; i++) Value(type, 0, shape, depth + 1);
    }

    private void Map(int depth)
    {
        ulong count = Varint();
        if (count == 0) return;
        int types = Byte();
        CheckCount(count, depth);
        for (ulong i = 0; i < count; i++)
        {
            Value(TypeOf(types >> 4), 0, null, depth + 1);
            Value(TypeOf(types & 15), 0, null, depth + 1);
        }
    }

    // Each value takes a byte at least.
    private readonly void CheckCount(ulong count, int depth)
    {
        if (depth > MostNesting) throw new InvalidDataException("a header is nested too deeply");
        if (count > (ulong)(_bytes.Length - At)) throw new InvalidDataException("a header claims more values than it has bytes");
    }

    private static ThriftType TypeOf(int code) => code switch
    {
        1 or 2 => ThriftType.Bool,
        3 => ThriftType.Byte,
        4 or 5 or 6 => ThriftType.Number,
        7 => ThriftType.Double,
        8 => ThriftType.Binary,
        9 or 10 => ThriftType.List,
        11 => ThriftType.Map,
        12 => ThriftType.Structure,
        _ => throw new InvalidDataException("a header holds a value of no known type"),
    };

    private int Byte()
    {
        Skip(1);
        return _bytes[At - 1];
    }

    private void Skip(ulong count)
    {
        if (count > (ulong)(_bytes.Length - At)) throw new InvalidDataException("a header ends early");
        At += (int)count;
    }

    private long Number()
    {
        ulong value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            int next = Byte();
            value |= (ulong)(next & 127) << shift;
            if (next < 128) return value;
        }
        throw new InvalidDataException("a header holds an endless number");
    }
}
