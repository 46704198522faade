using System.Buffers.Binary;
using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>Reads the fields of a protobuf message one after the other; whatever is wrong with the bytes is one error that names their place.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> bytes, string place)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;
    private int _wire;

    /// <summary>Goes to the next field; false at the end.</summary>
    public bool Next(out int field)
    {
        field = 0;
        if (_at == _bytes.Length) return false;
        ulong key = Varint();
        (field, _wire) = (key >> 3 is > 0 and <= 0x1FFFFFFF ? (int)(key >> 3) : throw Bad("a field has a number that no message has"), (int)(key & 7));
        return true;
    }

    /// <summary>The field's whole number.</summary>
    public int Number()
    {
        Expect(0);
        // Negative ones are written as 64 bits.
        return (int)(long)Varint();
    }

    /// <summary>The field's truth value.</summary>
    public bool Flag()
    {
        Expect(0);
        return Varint() != 0;
    }

    /// <summary>The field's 32-bit floating-point number.</summary>
    public float Float()
    {
        Expect(5);
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    /// <summary>The field's bytes.</summary>
    public ReadOnlySpan<byte> Bytes()
    {
        Expect(2);
        ulong length = Varint();
        return length <= int.MaxValue ? Take((int)length) : throw Bad("a field is longer than the file");
    }

    /// <summary>The field's text.</summary>
    public string Text()
    {
        var text = Bytes();
        return System.Text.Unicode.Utf8.IsValid(text) ? System.Text.Encoding.UTF8.GetString(text) : throw Bad("a text is not UTF-8");
    }

    /// <summary>Goes past the field.</summary>
    public void Skip()
    {
        switch (_wire)
        {
            case 0: Varint(); break;
            case 1: Take(8); break;
            case 2: Bytes(); break;
            case 5: Take(4); break;
            default: throw Bad("a field is of a kind that is not used any more");
        }
    }

    private readonly void Expect(int wire)
    {
        if (_wire != wire) throw Bad("a field has the wrong type");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - _at) throw Bad("the file ends in the middle of a field");
        _at += count;
        return _bytes.Slice(_at - count, count);
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte b = Take(1)[0];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw Bad("a number is longer than ten bytes");
    }

    private readonly BadInputException Bad(string problem) => new($"the file is not a SentencePiece model: {problem}", $"byte {_at} of {_bytes.Length}", place);
}
