namespace LowRank.Training;

/// <summary>
/// Walks over a structure in Thrift's compact protocol, which parquet's headers are written in, and takes nothing from it but the numbers of its own fields. A list or text that claims more than the bytes
/// left can hold is found here: the package would make room for what is claimed, and read on behind the end.
/// </summary>
internal ref struct ThriftWalk(ReadOnlySpan<byte> bytes)
{
    private const int MostNesting = 32;
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Bytes walked over.</summary>
    public int At { get; private set; }

    /// <summary>Walks over one structure; gives the whole numbers among its own fields by their ids.</summary>
    /// <exception cref="InvalidDataException">It is not whole.</exception>
    public Dictionary<int, long> Structure()
    {
        Dictionary<int, long> numbers = [];
        Structure(0, numbers);
        return numbers;
    }

    private void Structure(int depth, Dictionary<int, long>? numbers)
    {
        if (depth > MostNesting) throw new InvalidDataException("a header is nested too deeply");
        for (int id = 0; ;)
        {
            int head = Byte(), type = head & 15;
            if (type == 0) return;
            id = head >> 4 is var step and > 0 ? id + step : (int)Number();
            if (type is 1 or 2) continue; // true and false are the type
            if (numbers is not null && type is 4 or 5 or 6) numbers.TryAdd(id, Number());
            else Value(type, depth);
        }
    }

    private void Value(int type, int depth)
    {
        switch (type)
        {
            case 1 or 2 or 3: Skip(1); break;
            case 4 or 5 or 6: Number(); break;
            case 7: Skip(8); break;
            case 8: Skip(Varint()); break;
            case 9 or 10: List(depth); break;
            case 11: Map(depth); break;
            case 12: Structure(depth + 1, null); break;
            default: throw new InvalidDataException("a header holds a value of no known type");
        }
    }

    private void List(int depth)
    {
        int head = Byte();
        ulong count = head >> 4 is var few and < 15 ? (ulong)few : Varint();
        Elements(count, depth, head & 15);
    }

    private void Map(int depth)
    {
        ulong count = Varint();
        if (count == 0) return;
        int types = Byte();
        Elements(count, depth, types >> 4, types & 15);
    }

    private void Elements(ulong count, int depth, params ReadOnlySpan<int> types)
    {
        if (depth > MostNesting) throw new InvalidDataException("a header is nested too deeply");
        if (count > (ulong)(_bytes.Length - At)) throw new InvalidDataException("a header claims more values than it has bytes"); // each takes one at least
        for (ulong i = 0; i < count; i++)
            foreach (int type in types) Value(type, depth + 1);
    }

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
