using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>What became of a row.</summary>
/// <param name="Raw">Where it stands.</param>
/// <param name="Row">The row; null where it is unusable.</param>
/// <param name="Format">The format's name; null where none was found.</param>
/// <param name="FullLength">Its tokens before it was cut.</param>
/// <param name="Hash">Of its tokens before it was cut: equal rows have equal hashes.</param>
/// <param name="Fault">The kind of error.</param>
/// <param name="Error">The error.</param>
internal sealed record RowOutcome(RawRow Raw, Row? Row, string? Format, int FullLength, ulong Hash, RowFault Fault,
    BadInputException? Error)
{
    /// <summary>Its keys that changed nothing.</summary>
    public IReadOnlyList<string> Unused { get; init; } = [];
}

/// <summary>Makes rows out of what files hold: parse, format, tokens, checks, cut. Rows are independent, so that all cores work on them.</summary>
internal sealed class RowMaker(DataOptions options, TokenEncoder? encoder, int vocabularySize)
{
    private const int ChunkRows = 512, ChunkBytes = 4 << 20;

    /// <summary>The outcomes, in the rows' order. An error that ends a file comes last, as an outcome without a row.</summary>
    public IEnumerable<RowOutcome> Make(IEnumerable<RawRow> rows, CancellationToken stop = default)
    {
        using var source = rows.GetEnumerator();
        List<RawRow> chunk = [];
        RowOutcome? broken = null;
        for (bool more = true; more && broken is null;)
        {
            chunk.Clear();
            for (long bytes = 0; chunk.Count < ChunkRows && bytes < ChunkBytes; bytes += source.Current.Json.Length)
            {
                try { more = source.MoveNext(); }
                catch (BadInputException e) { broken = new(default, null, null, 0, 0, RowFault.Unusable, e); }
                if (!more || broken is not null) break;
                chunk.Add(source.Current);
            }
            stop.ThrowIfCancellationRequested();
            foreach (var outcome in Outcomes(chunk)) yield return outcome;
        }
        if (broken is not null) yield return broken;
    }

    private RowOutcome[] Outcomes(List<RawRow> chunk)
    {
        var outcomes = new RowOutcome[chunk.Count];
        if (chunk.Count < 8) for (int i = 0; i < chunk.Count; i++) outcomes[i] = Make(chunk[i]);
        else Parallel.For(0, chunk.Count, i => outcomes[i] = Make(chunk[i]));
        return outcomes;
    }

    /// <summary>One row.</summary>
    public RowOutcome Make(RawRow raw)
    {
        var context = new RowContext(raw.Place, encoder, options);
        string? format = null;
        int length = 0;
        ulong hash = 0;
        try
        {
            using var document = Parse(raw.Json, context);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw context.Error("a row is not an object", MessageReader.Kind(document.RootElement), "{…}");
            var fields = new RowFields(document.RootElement, context);
            var kind = RowFormats.Of(fields, context);
            format = kind.Name;
            RowKeys.RefuseWeightless(fields, kind, context);
            var row = kind.Make(fields, context) with { Place = context.Place };
            string[] unused = [.. RowKeys.RefuseUnused(fields, kind, context), .. context.Passed];
            length = row.InputIds.Length;
            if (options.Survey) hash = HashOf(row);
            return new(raw, context.Cut(context.Checked(row, vocabularySize)), format, length, hash, RowFault.None,
                null) { Unused = unused };
        }
        catch (BadInputException e)
        {
            var error = new BadInputException(e.Problem, e.Value, e.Place ?? context.Place, e.Expected, RemedyOf(e, raw.File), e);
            return new(raw, null, format, length, hash, context.Fault == RowFault.None ? RowFault.Unusable : context.Fault, error);
        }
    }

    /// <summary>The error's own remedy, and what was left out of the file, as the row may lack just that.</summary>
    private static string? RemedyOf(BadInputException error, DataFile? file)
    {
        if (file?.LeftOut is not { Count: > 0 } left) return error.Remedy;
        string told = $"Left out of the file: {string.Join("; ", left.Select(c => $"{c.Key} ({c.Value})"))}.";
        return error.Remedy is { } own ? $"{own.TrimEnd('.')}. {told}" : told;
    }

    /// <summary>Of a row's tokens.</summary>
    internal static ulong HashOf(Row row)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(MemoryMarshal.AsBytes(row.InputIds.AsSpan()), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }

    /// <summary>A row's JSON.</summary>
    internal static JsonDocument Parse(ReadOnlyMemory<byte> text, RowContext context)
    {
        try { return StrictJson.Parse(text); }
        catch (JsonException e)
        {
            var (problem, value, remedy) = JsonFaults.Of(text.Span, e);
            throw context.Error(problem, value, remedy: remedy, inner: e);
        }
    }
}
