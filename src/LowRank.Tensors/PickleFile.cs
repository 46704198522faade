namespace LowRank.Tensors;

/// <summary>Torch's own files of weights: to read them is to run what they say, so they are never opened.</summary>
public static class PickleFile
{
    /// <summary>Whether a file's name says that it is one.</summary>
    public static bool Is(string path)
        => Path.GetExtension(path)?.ToLowerInvariant() is ".bin" or ".pt" or ".pth" or ".ckpt" or ".pkl";
}
