using System.Text;

namespace LowRank.Tensors.Tests;

/// <summary>Safetensors files written by hand, also wrong ones.</summary>
internal static class SafetensorsBytes
{
    public static byte[] Of(string header, byte[] data, long? length = null)
        => [.. BitConverter.GetBytes(length ?? Encoding.UTF8.GetByteCount(header)), .. Encoding.UTF8.GetBytes(header), .. data];

    public static string Save(byte[] bytes, string name = "model.safetensors")
    {
        string path = Path.Combine(Paths.Temporary(), name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
