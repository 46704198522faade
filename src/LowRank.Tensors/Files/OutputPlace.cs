namespace LowRank.Tensors;

/// <summary>
/// A place that this process writes, from the check before any work until it is disposed of: no other process gets it meanwhile, and what
/// is written appears whole or not at all. <see cref="AtomicFile"/>
/// writes through it; whoever writes late, as after loading a model, claims it first.
/// </summary>
public sealed class OutputPlace : IDisposable
{
    private WorkFolder? _work;

    private OutputPlace(WorkFolder work) => (_work, Kept) = (work, work.Keep);

    /// <summary>Where the file that stood at the place is kept once it is replaced, as it is none of the kind that is written; null: there
    /// is no such file.</summary>
    public string? Kept { get; }

    /// <summary>Checks that a place may be written, puts back or cleans away what a killed process left there, and takes it.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="kind">What is to be written.</param>
    /// <param name="force">Whether what LowRank wrote there, or a plain file, may be replaced.</param>
    /// <param name="sources">What is read meanwhile: never written over, nor into.</param>
    /// <param name="goOn">Whether the place is an existing folder that more is written into, as when a run is resumed.</param>
    /// <exception cref="BadInputException">It may not be written, or another process writes it.</exception>
    public static OutputPlace Claim(string path, OutputKind kind, bool force = false, IEnumerable<OutputSource>? sources = null,
        bool goOn = false)
    {
        string place = RealPath.Of(path);
        try
        {
            OutputRules.CheckSources(path, place, sources ?? []);
            // before anything is made
            if (!goOn && !WorkFolder.IsThere(place)) OutputRules.CheckExisting(path, place, kind, force, DateTime.MaxValue);
            var work = WorkFolder.Enter(place, kind);
            try
            {
                if (!goOn) OutputRules.CheckExisting(path, place, kind, force, work: work.Path);
                if (!goOn && !kind.MayGo(place)) work.Keep = FreeBeside(place);
                return new(work);
            }
            catch
            {
                work.Leave();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw AtomicFile.Unwritable(path, e); }
    }

    private static string FreeBeside(string place)
        => Enumerable.Range(1, int.MaxValue).Select(i => place + ".kept" + (i == 1 ? "" : $"-{i}")).First(p => !Path.Exists(p));

    /// <summary>A free path beside the place for what is not finished yet; what is still there goes with the place.</summary>
    public string Scratch() => (_work ?? throw new ObjectDisposedException(nameof(OutputPlace))).Free();

    /// <summary>Cleans away what killed processes left beside places in a folder; those of living ones stay.</summary>
    public static void CleanUp(string folder)
    {
        foreach (string place in WorkFolder.PlacesIn(folder))
            try { Claim(place, OutputKind.Folder, goOn: true).Dispose(); }
            catch (BadInputException) { } // held
    }

    /// <summary>Lets others have the place.</summary>
    public void Dispose()
    {
        _work?.Leave();
        _work = null;
    }
}
