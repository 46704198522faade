using System.Buffers.Binary;

namespace LowRank.Training;

/// <summary>A table in FlatBuffers' layout, which Arrow's headers are written in; every offset and every count is looked at before it is followed.</summary>
internal readonly ref struct FlatTable
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _at, _fields; // where the table lies, and where its fields' offsets do
    private readonly int _fieldBytes;

    private FlatTable(ReadOnlySpan<byte> bytes, int at)
    {
        _bytes = bytes;
        _at = at;
        _fields = Place(bytes, (long)at - Int(bytes, at), 4);
        _fieldBytes = BinaryPrimitives.ReadUInt16LittleEndian(bytes[_fields..]);
        Place(bytes, _fields, _fieldBytes);
    }

    /// <summary>The outermost table of a buffer.</summary>
    /// <exception cref="InvalidDataException">An offset leads outside, here and in all other members.</exception>
    public static FlatTable Root(ReadOnlySpan<byte> bytes) => new(bytes, Follow(bytes, Place(bytes, 0, 4)));

    /// <summary>A field of one byte; 0 where it is absent.</summary>
    public int Byte(int field) => Find(field, 1) is > 0 and var at ? _bytes[at] : 0;

    /// <summary>A field of eight bytes; 0 where it is absent.</summary>
    public long Long(int field) => Find(field, 8) is > 0 and var at ? BinaryPrimitives.ReadInt64LittleEndian(_bytes[at..]) : 0;

    /// <summary>Whether a field is there.</summary>
    public bool Has(int field) => Find(field, 4) > 0;

    /// <summary>A field that is a table.</summary>
    public FlatTable Table(int field) => new(_bytes, Follow(_bytes, Find(field, 4)));

    /// <summary>A field that is a list: its items, back to back; none where it is absent.</summary>
    public ReadOnlySpan<byte> Items(int field, int size)
    {
        if (!Has(field)) return [];
        var (first, count) = List(field, size);
        return _bytes.Slice(first, count * size);
    }

    /// <summary>How many tables a field that is a list of them has.</summary>
    public int Count(int field) => Has(field) ? List(field, 4).Count : 0;

    /// <summary>One of them.</summary>
    public FlatTable Item(int field, int index) => new(_bytes, Follow(_bytes, List(field, 4).First + 4 * index));

    private (int First, int Count) List(int field, int size)
    {
        int at = Follow(_bytes, Find(field, 4)), count = Int(_bytes, at);
        if (count < 0) throw Outside();
        return (Place(_bytes, at + 4L, (long)count * size), count);
    }

    // Where a field's value lies; 0 where it is absent.
    private int Find(int field, int size)
    {
        int entry = 4 + 2 * field;
        if (entry + 2 > _fieldBytes) return 0;
        int offset = BinaryPrimitives.ReadUInt16LittleEndian(_bytes[(_fields + entry)..]);
        return offset == 0 ? 0 : Place(_bytes, (long)_at + offset, size);
    }

    private static int Follow(ReadOnlySpan<byte> bytes, int at) => at + Int(bytes, at) is > 0 and var to ? Place(bytes, to, 4) : throw Outside();

    private static int Int(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt32LittleEndian(bytes[Place(bytes, at, 4)..]);

    private static int Place(ReadOnlySpan<byte> bytes, long at, long length) => at >= 0 && length <= bytes.Length - at ? (int)at : throw Outside();

    private static InvalidDataException Outside() => new("a header claims more than it holds");
}
