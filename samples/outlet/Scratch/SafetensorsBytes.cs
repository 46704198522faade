using System.Runtime.InteropServices;
using System.Text.Json;

namespace Outlet;

/// <summary>The safetensors format, as much of it as float32 weights need: eight bytes of length, a JSON header, the data.</summary>
public static class SafetensorsBytes
{
    /// <summary>Writes the tensors in the order given.</summary>
    public static void Write(string path, IEnumerable<(string Name, int[] Shape, float[] Values)> tensors)
    {
        var header = new Dictionary<string, object> { ["__metadata__"] = new { format = "pt" } };
        using var data = new MemoryStream();
        foreach (var (name, shape, values) in tensors)
        {
            long start = data.Length;
            // The format is little-endian; so is every machine .NET 10 runs on that matters here.
            data.Write(MemoryMarshal.AsBytes(values.AsSpan()));
            header[name] = new { dtype = "F32", shape, data_offsets = new[] { start, data.Length } };
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        int padding = (8 - json.Length % 8) % 8;

        using var file = File.Create(path);
        file.Write(BitConverter.GetBytes((ulong)(json.Length + padding)));
        file.Write(json);
        file.Write("       "u8[..padding]);
        data.WriteTo(file);
    }
}
