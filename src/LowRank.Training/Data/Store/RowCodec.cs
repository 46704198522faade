using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace LowRank.Training;

/// <summary>
/// A row as bytes: lengths, ids, labels, place, prompt, completion. Labels that are each the id or no target are written as lengths of such stretches, in turn.
/// All numbers are little-endian, as is every machine that .NET runs on.
/// </summary>
internal static class RowCodec
{
    private const int Header = 5;

    /// <summary>Appends the row's bytes.</summary>
    public static void Write(IBufferWriter<byte> writer, Row row)
    {
        int[]? stretches = Stretches(row);
        byte[]? place = Bytes(row.Place), prompt = Bytes(row.Prompt), completion = Bytes(row.Completion);
        Integers(writer, [row.InputIds.Length, stretches?.Length ?? -1, place?.Length ?? -1, prompt?.Length ?? -1, completion?.Length ?? -1]);
        Integers(writer, row.InputIds);
        Integers(writer, stretches ?? row.Labels);
        foreach (byte[]? text in (byte[]?[])[place, prompt, completion]) writer.Write(text);
    }

    /// <summary>The row of its bytes.</summary>
    public static Row Read(ReadOnlySpan<byte> bytes)
    {
        var header = MemoryMarshal.Cast<byte, int>(bytes)[..Header];
        int length = header[0], stretches = header[1], at = Header * sizeof(int);
        int[] ids = MemoryMarshal.Cast<byte, int>(bytes[at..])[..length].ToArray();
        at += length * sizeof(int);
        var labels = MemoryMarshal.Cast<byte, int>(bytes[at..])[..(stretches < 0 ? length : stretches)];
        at += labels.Length * sizeof(int);
        string? place = Text(bytes, header[2], ref at), prompt = Text(bytes, header[3], ref at), completion = Text(bytes, header[4], ref at);
        return new Row(ids, stretches < 0 ? labels.ToArray() : Labels(ids, labels)) { Place = place, Prompt = prompt, Completion = completion };
    }

    private static int[]? Stretches(Row row)
    {
        List<int> lengths = [];
        bool target = false;
        int start = 0;
        for (int i = 0; i < row.Labels.Length; i++)
        {
            bool here = row.Labels[i] == row.InputIds[i];
            if (!here && row.Labels[i] != Row.Ignored) return null;
            if (here == target) continue;
            lengths.Add(i - start);
            (start, target) = (i, here);
        }
        lengths.Add(row.Labels.Length - start);
        return [.. lengths];
    }

    private static int[] Labels(int[] ids, ReadOnlySpan<int> stretches)
    {
        var labels = new int[ids.Length];
        int at = 0;
        for (int i = 0; i < stretches.Length; at += stretches[i], i++)
            if (i % 2 == 0) labels.AsSpan(at, stretches[i]).Fill(Row.Ignored);
            else ids.AsSpan(at, stretches[i]).CopyTo(labels.AsSpan(at));
        return labels;
    }

    private static void Integers(IBufferWriter<byte> writer, ReadOnlySpan<int> numbers) => writer.Write(MemoryMarshal.AsBytes(numbers));
    private static byte[]? Bytes(string? text) => text is null ? null : Encoding.UTF8.GetBytes(text);

    private static string? Text(ReadOnlySpan<byte> bytes, int length, ref int at)
    {
        if (length < 0) return null;
        at += length;
        return Encoding.UTF8.GetString(bytes.Slice(at - length, length));
    }
}
