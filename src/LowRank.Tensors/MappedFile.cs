using System.IO.MemoryMappedFiles;

namespace LowRank.Tensors;

/// <summary>A file mapped read-only into memory. Tensors that view it must not outlive it.</summary>
public sealed unsafe class MappedFile : IDisposable
{
    private static readonly HashSet<MappedFile> Open = [];

    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _start;
    private bool _disposed;

    /// <summary>Maps <paramref name="path"/>; an absent or unreadable file is a <see cref="BadInputException"/>.</summary>
    public MappedFile(string path)
    {
        Path = path;
        if (!File.Exists(path)) throw new BadInputException("the file does not exist", place: path);
        FileType.RefuseOthers(path);
        try
        {
            using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read))
            {
                Length = stream.Length; // of the file itself where the path is a link, as in Hugging Face's cache
                if (Length == 0) return; // an empty file cannot be mapped; the formats' own checks say what is missing
                _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            }
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
            _start += _view.PointerOffset;
            lock (Open) Open.Add(this);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the file cannot be read: " + e.Message, place: path, inner: e);
        }
    }

    /// <summary>The file's path, as given.</summary>
    public string Path { get; }
    /// <summary>Bytes in the file.</summary>
    public long Length { get; }
    /// <summary>The address of the first byte.</summary>
    public byte* Start => _disposed ? throw new ObjectDisposedException(Path) : _start;

    /// <summary>A span over part of the file (at most 2 GiB).</summary>
    public ReadOnlySpan<byte> Span(long offset, int length)
        => offset < 0 || length < 0 || offset > Length - length ? throw new ArgumentOutOfRangeException(nameof(offset)) : new(Start + offset, length);

    /// <summary>Lets go of the memory that reading a part has filled, where the system can: read again, it comes from the file again.</summary>
    public void Release(long offset, long length)
    {
        if (!OperatingSystem.IsLinux() || length <= 0) return;
        nint page = Environment.SystemPageSize, from = (nint)(Start + offset) / page * page;
        NativeMemory.LetGo(from, (nint)(Start + offset + length));
    }

    /// <summary>The same for all files that are mapped here now.</summary>
    internal static void ReleaseAll()
    {
        lock (Open)
            foreach (var file in Open) file.Release(0, file.Length);
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        lock (Open) Open.Remove(this);
        _disposed = true;
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _map?.Dispose();
    }
}
