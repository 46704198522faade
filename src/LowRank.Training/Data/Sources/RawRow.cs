using System.Globalization;

namespace LowRank.Training;

/// <summary>A row as a file holds it: one JSON value, not looked into yet.</summary>
/// <param name="File">The file.</param>
/// <param name="Number">Its line, or its number counted from 1 in files that have no lines.</param>
/// <param name="Json">UTF-8, one value.</param>
internal readonly record struct RawRow(DataFile File, long Number, ReadOnlyMemory<byte> Json)
{
    /// <summary>"file:line" or "file:row N".</summary>
    public string Place => File.PlaceOf(Number);
}
