using System.Buffers.Binary;

namespace LowRank.Training;

/// <summary>Looks over the headers of an Arrow file or stream before the package reads them: it makes room for whatever number of fields, buffers or bytes they claim.</summary>
internal static class ArrowHeaders
{
    private const int Schema = 1, Dictionary = 2, Batch = 3; // kinds of a message's header
    private const int UnionType = 14, MostNesting = 64, MostFields = 1 << 20, BlockBytes = 24, EndBytes = 10; // a file ends in its footer's length and "ARROW1"
    private const uint Continuation = 0xFFFFFFFF;

    /// <summary>Walks over a stream's messages from where it stands, or over a file's footer and the messages that it names.</summary>
    /// <exception cref="InvalidDataException">A header is damaged.</exception>
    public static void Check(Stream stream, bool asFile)
    {
        if (asFile) Footer(stream);
        else
            for (long at = 0; at >= 0 && at < stream.Length;) at = Message(stream, at);
        stream.Position = 0;
    }

    private static void Footer(Stream stream)
    {
        if (stream.Length < EndBytes) return; // the package says what is wrong with it
        int length = BinaryPrimitives.ReadInt32LittleEndian(Read(stream, stream.Length - EndBytes, 4));
        var footer = FlatTable.Root(Read(stream, stream.Length - EndBytes - length, length));
        if (footer.Has(1)) AllFields(footer.Table(1), 1);
        Pairs(footer, 4);
        foreach (int list in (ReadOnlySpan<int>)[2, 3])
        {
            var blocks = footer.Items(list, BlockBytes);
            for (; blocks.Length > 0; blocks = blocks[BlockBytes..]) Message(stream, BinaryPrimitives.ReadInt64LittleEndian(blocks));
        }
    }

    // Where the next message begins; -1 at the end.
    private static long Message(Stream stream, long at)
    {
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(Read(stream, at, 4));
        at += 4;
        if (size == Continuation) // since version 0.15
        {
            size = BinaryPrimitives.ReadUInt32LittleEndian(Read(stream, at, 4));
            at += 4;
        }
        if (size == 0) return -1;
        var message = FlatTable.Root(Read(stream, at, size));
        long body = message.Long(3);
        at += size;
        if (body < 0 || body > stream.Length - at) throw new InvalidDataException("a message is longer than the file");
        Pairs(message, 4);
        if (message.Has(2)) Header(message.Byte(1), message.Table(2));
        return at + body;
    }

    private static void Header(int kind, FlatTable header)
    {
        switch (kind)
        {
            case Schema:
                AllFields(header, 1);
                Pairs(header, 2);
                break;
            case Dictionary when header.Has(1):
                Header(Batch, header.Table(1));
                break;
            case Batch:
                header.Items(1, 16); // lengths and nulls of each field
                header.Items(2, 16); // buffers
                header.Items(4, 8);
                break;
        }
    }

    private static void AllFields(FlatTable schema, int list)
    {
        int left = MostFields;
        Fields(schema, list, 0, ref left);
    }

    // Fields may be shared in the buffer, so few bytes can stand for any number of them.
    private static void Fields(FlatTable parent, int list, int depth, ref int left)
    {
        if (depth > MostNesting) throw new InvalidDataException("fields are nested too deeply");
        for (int i = 0; i < parent.Count(list); i++)
        {
            var field = parent.Item(list, i);
            if (field.Byte(2) == UnionType && field.Has(3)) field.Table(3).Items(1, 4);
            if (!field.Has(0)) throw new NotSupportedException("a column without a name"); // Arrow's JavaScript writes such, the package takes none
            if (left-- == 0) throw new InvalidDataException("there are too many fields");
            Fields(field, 5, depth + 1, ref left);
            Pairs(field, 6);
        }
    }

    // Keys and values, each a text.
    private static void Pairs(FlatTable parent, int list)
    {
        for (int i = 0; i < parent.Count(list); i++)
        {
            var pair = parent.Item(list, i);
            pair.Items(0, 1);
            pair.Items(1, 1);
        }
    }

    private static byte[] Read(Stream stream, long offset, long count)
    {
        if (offset < 0 || count < 0 || count > stream.Length - offset) throw new InvalidDataException("a header lies outside the file");
        byte[] bytes = new byte[count];
        stream.Position = offset;
        stream.ReadExactly(bytes);
        return bytes;
    }
}
