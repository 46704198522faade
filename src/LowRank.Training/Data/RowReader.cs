using System.Security.Cryptography;
using System.Text;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Reads data: files of all kinds (<see cref="FileKind"/>) and folders, in constant memory.</summary>
public static class RowReader
{
    private const int MostErrors = 10;

    /// <summary>The rows of a file or folder, one after the other. Mistakes are gathered and thrown, up to ten of them, when the data end.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="vocabularySize">The model's: every id must be below it.</param>
    /// <param name="encoder">The tokenizer; null where there is none: rows of text are then refused, rows of ids work.</param>
    /// <param name="maxLength">Longer rows lose their tail; null for no limit.</param>
    /// <exception cref="BadInputException">File, lines or rows are unusable; each error names file and line.</exception>
    public static IEnumerable<Row> Read(string path, int vocabularySize, TokenEncoder? encoder = null, int? maxLength = null)
        => Read(new DataOptions(path) { MaxLength = maxLength }, vocabularySize, encoder).Select(r => r.Row!);

    /// <summary>Whether a name ends as a data file's does.</summary>
    public static bool IsDataFile(string path) => DataFile.IsKnown(path);

    /// <summary>The usable rows of one or several sources, with the number of the source that each is of.</summary>
    internal static IEnumerable<(int Source, Row Row)> Read(DataOptions options, int vocabularySize, TokenEncoder? encoder,
        RowTally? tally = null, CancellationToken stop = default)
    {
        var maker = new RowMaker(options, encoder, vocabularySize);
        var errors = new RowErrors(MostErrors);
        BadInputException? firstSkipped = null;
        for (int source = 0; source < options.Sources.Count && errors.Count < MostErrors; source++)
        {
            bool any = false;
            var files = DataFile.Of(options.Sources[source]);
            foreach (var outcome in maker.Make(files.SelectMany(f => f.Rows()), stop))
            {
                if (outcome.Row is { } row)
                {
                    any = true;
                    tally?.Add(outcome);
                    if (errors.Count == 0) yield return (source, row);
                }
                else if (options.SkipBadRows && outcome.Raw.File is not null)
                {
                    firstSkipped ??= outcome.Error;
                    if (tally is not null) tally.Skipped++;
                }
                else errors.Add(outcome.Error!);
                if (errors.Count == MostErrors) break;
            }
            tally?.LeftOut.AddRange(DataFile.LeftOutNotes(files));
            if (!any && errors.Count == 0)
                errors.Add(firstSkipped is null ? NoRows(options.Sources[source])
                    : new BadInputException("no row can be used; of the first: " + firstSkipped.Message, place: options.Sources[source].Path));
        }
        tally?.LeftOut.AddRange(options.Ignored.UnmetNotes(options.Sources.ToString()));
        if (errors.Count > 0) throw errors.Joined(errors.Count == MostErrors ? "the data has mistakes; the first are listed" : "the data has mistakes", options.Sources.ToString());
    }

    /// <summary>The error of a source without any row.</summary>
    internal static BadInputException NoRows(DataSource source)
        => new("the data file has no rows", place: source.Path, expected: "at least one row");

    /// <summary>The SHA-256 of a file's bytes, lower-case hexadecimal: a resumed run refuses data that has changed.</summary>
    /// <exception cref="BadInputException">The file cannot be read.</exception>
    public static string Fingerprint(string path)
    {
        using (new DataFile(path).OpenStored()) return FileDigest.Of(path); // opened for its clearer errors
    }

    /// <summary>The same of several sources: of a single file with weight 1 its own, else of all files' and weights.</summary>
    internal static string Fingerprint(DataSources sources)
    {
        if (sources is [{ Weight: 1 } only] && !Directory.Exists(only.Path)) return Fingerprint(only.Path);
        var all = new StringBuilder();
        foreach (var source in sources)
        {
            all.Append(System.Globalization.CultureInfo.InvariantCulture, $"weight {source.Weight:R}\n");
            foreach (var file in DataFile.Of(source)) all.Append(Fingerprint(file.Path)).Append('\n');
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all.ToString())));
    }

    /// <summary>Bytes of all files.</summary>
    internal static long Bytes(DataSources sources) => sources.SelectMany(s => DataFile.Of(s)).Sum(f
        => new FileInfo(f.Path) is { Exists: true } info ? info.Length : 0);
}
