using System.Runtime.InteropServices;

namespace LowRank.Tensors;

/// <summary>What a path leads to: opening a pipe waits for whoever writes into it, and a device never ends.</summary>
public static partial class FileType
{
    private const int AnswerBytes = 256, Types = 0xF000, Pipe = 0x1000, Device = 0x2000, BlockDevice = 0x6000, Socket = 0xC000;

    /// <summary>"a pipe", "a device" or "a socket", links followed; null for files, for folders and where there is nothing.</summary>
    public static unsafe string? OtherThanFile(string path)
    {
        if (OperatingSystem.IsWindows()) return null;
        int* answer = stackalloc int[AnswerBytes / sizeof(int)]; // flags, then the mode, as on every system
        if (Stat(path, answer) != 0) return null;
        return (answer[1] & Types) switch { Pipe => "a pipe", Device or BlockDevice => "a device", Socket => "a socket", _ => null };
    }

    /// <summary>Throws where something else than a file is, before it would be waited for.</summary>
    /// <exception cref="BadInputException">It is a pipe, a device or a socket.</exception>
    public static void RefuseOthers(string path)
    {
        if (OtherThanFile(path) is { } other)
            throw new BadInputException($"{other} where a file was expected", place: path, remedy: "Write its content into a file.");
    }

    // The platform's own library, under which all Unix systems look alike.
    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Stat", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Stat(string path, int* answer);
}
