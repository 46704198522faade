using System.Buffers.Binary;

namespace LowRank.Training;

/// <summary>Looks over a parquet file's headers before the package reads them, so that a damaged one costs neither endless time nor memory beyond what the file can hold.</summary>
internal static class ParquetHeaders
{
    private const int Tail = 8, UsualHeader = 1 << 12, MostHeader = 1 << 20; // the footer's length and "PAR1"; a page's header with its statistics
    private const int Uncompressed = 2, Compressed = 3; // fields of a page's header, bytes
    private const long FewBytes = 64 << 20;

    /// <summary>Walks over the footer.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static void CheckFooter(Stream file)
    {
        if (file.Length < Tail) return; // the package says what is wrong with it
        int length = BinaryPrimitives.ReadInt32LittleEndian(ReadAt(file, file.Length - Tail, 4));
        if (length < 0 || length > file.Length - Tail) throw new InvalidDataException("the footer is longer than the file");
        new ThriftWalk(ReadAt(file, file.Length - Tail - length, length)).Structure(ParquetShape.Footer);
        file.Position = 0;
    }

    /// <summary>Walks over the page headers of a column in a group of rows.</summary>
    /// <param name="file">The file.</param>
    /// <param name="start">Where the column's first page begins.</param>
    /// <param name="length">Its bytes as they are stored.</param>
    /// <param name="uncompressed">What its pages come to, as the footer says: a page takes no more, but for small ones.</param>
    /// <exception cref="InvalidDataException">One is damaged.</exception>
    public static void CheckPages(Stream file, long start, long length, long uncompressed)
    {
        long end = start + length;
        if (start < 0 || length < 0 || end > file.Length) throw new InvalidDataException("a column lies outside the file");
        while (start < end)
        {
            var (header, taken) = PageHeader(file, start, end);
            long stored = header.GetValueOrDefault(Compressed, -1), size = header.GetValueOrDefault(Uncompressed, -1);
            start += taken;
            if (stored < 0 || stored > end - start || size < 0 || size > Math.Max(FewBytes, uncompressed)) throw new InvalidDataException($"a page claims {stored} bytes stored and {size} read");
            start += stored;
        }
    }

    // Most are a few dozen bytes, statistics can make them long.
    private static (Dictionary<int, long> Numbers, int Length) PageHeader(Stream file, long start, long end)
    {
        for (int window = UsualHeader; ; window = MostHeader)
        {
            var walk = new ThriftWalk(ReadAt(file, start, (int)Math.Min(window, end - start)));
            try { return (walk.Structure(ParquetShape.PageHeader), walk.At); }
            catch (InvalidDataException) when (window < Math.Min(MostHeader, end - start)) { }
        }
    }

    private static byte[] ReadAt(Stream file, long offset, int count)
    {
        byte[] bytes = new byte[count];
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }
}
