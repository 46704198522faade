using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

#pragma warning disable RS0030 // the one place that moves and deletes

namespace LowRank.Tensors;

/// <summary>
/// The calls that move and delete, and those that .NET does not offer: exchanging two folders in one step, flushing a folder, a file's
/// number. Native functions are looked up among all that the process
/// has loaded, so that a library put before libc sees them (the tests count and stop them there).
/// </summary>
internal static unsafe class FileSystem
{
    private const int AtWorkingFolder = -100, Exchanging = 2; // AT_FDCWD, RENAME_EXCHANGE

    private static readonly delegate* unmanaged<int, byte*, int, byte*, uint, int> Renameat2 = (delegate* unmanaged<int, byte*, int,
        byte*, uint, int>)Native("renameat2");
    private static readonly delegate* unmanaged<int, byte*, int, uint, byte*, int> Statx = (delegate* unmanaged<int, byte*, int, uint,
        byte*, int>)Native("statx");
    private static readonly delegate* unmanaged<byte*, int, int> OpenFile = (delegate* unmanaged<byte*, int, int>)Native("open");

    /// <summary>A file's number on its device.</summary>
    internal readonly record struct Identity(ulong Device, ulong Number);

    /// <summary>Puts each of two folders into the other's place in one step; false where the system or the file system has no such
    /// step.</summary>
    public static bool Exchange(string one, string other)
        => Renameat2 is not null && Call(one, other, Exchanging) == 0;

    /// <summary>Moves a file or folder; an existing file or empty folder at <paramref name="to"/> is replaced in one step.</summary>
    /// <exception cref="IOException">It cannot be moved there.</exception>
    public static void Rename(string from, string to)
    {
        if (File.Exists(from)) File.Move(from, to, overwrite: true);
        else if (Renameat2 is null || !Directory.Exists(to))
        {
            DeleteEmpty(to);
            Directory.Move(from, to);
        }
        else if (Call(from, to, 0) is not 0 and var error) throw new IOException($"{Marshal.GetPInvokeErrorMessage(error)} : '{to}'",
            error);
    }

    /// <summary>Deletes a file.</summary>
    public static void DeleteFile(string path) => File.Delete(path);

    /// <summary>Deletes a folder if it is empty; false where it is not, or not there.</summary>
    public static bool DeleteEmpty(string path)
    {
        try { Directory.Delete(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
        return true;
    }

    /// <summary>Deletes a file or a folder with all that is in it; links are not followed.</summary>
    public static void DeleteTree(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        else File.Delete(path);
    }

    /// <summary>Sends a file's data to the disk.</summary>
    public static void Flush(SafeFileHandle file)
    {
        // Windows flushes handles that write only; those have flushed themselves
        if (!OperatingSystem.IsWindows()) RandomAccess.FlushToDisk(file);
    }

    /// <summary>Sends a folder's own entries to the disk; only advice where the system cannot.</summary>
    public static void FlushFolder(string path)
    {
        if (OpenFile is null || OperatingSystem.IsWindows()) return;
        fixed (byte* name = Bytes(path))
        {
            int number = OpenFile(name, 0x80000); // O_RDONLY | O_CLOEXEC
            if (number < 0) return;
            using var handle = new SafeFileHandle(number, ownsHandle: true);
            try { RandomAccess.FlushToDisk(handle); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException) { }
        }
    }

    /// <summary>The number of what a path leads to; null where it is not there or the system does not tell.</summary>
    public static Identity? IdentityOf(string path)
    {
        if (Statx is null) return null;
        byte* answer = stackalloc byte[256];
        fixed (byte* name = Bytes(path))
            if (Statx(AtWorkingFolder, name, 0, 0x100, answer) != 0) return null; // the number
        return new(((ulong)*(uint*)(answer + 136) << 32) | *(uint*)(answer + 140), *(ulong*)(answer + 32));
    }

    /// <summary>Whether a folder is where another file system begins: nothing can be moved over it.</summary>
    public static bool IsMountPoint(string path)
    {
        try { return DriveInfo.GetDrives().Any(d => Path.TrimEndingDirectorySeparator(d.RootDirectory.FullName) == path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
    }

    private static int Call(string from, string to, uint flags)
    {
        fixed (byte* one = Bytes(from), two = Bytes(to))
        {
            Marshal.SetLastSystemError(0);
            return Renameat2(AtWorkingFolder, one, AtWorkingFolder, two, flags) == 0 ? 0 : Math.Max(1, Marshal.GetLastSystemError());
        }
    }

    private static byte[] Bytes(string path) => Encoding.UTF8.GetBytes(path + '\0');

    private static nint Native(string name)
        => OperatingSystem.IsLinux() && NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), name, out nint function)
            ? function : 0;
}
