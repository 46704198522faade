using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>The dtypes of the safetensors format: their names, sizes and, where libtorch has them, its numbers.</summary>
public static class SafetensorsDType
{
    private static readonly Dictionary<string, (int Bits, int Torch)> Known = new(StringComparer.Ordinal)
    {
        ["BOOL"] = (8, (int)ScalarType.Bool), ["U8"] = (8, (int)ScalarType.Byte), ["I8"] = (8, (int)ScalarType.Int8),
        ["I16"] = (16, (int)ScalarType.Int16), ["I32"] = (32, (int)ScalarType.Int32), ["I64"] = (64, (int)ScalarType.Int64),
        ["U16"] = (16, NativeTensors.UInt16), ["U32"] = (32, NativeTensors.UInt32), ["U64"] = (64, NativeTensors.UInt64),
        ["F16"] = (16, (int)ScalarType.Float16), ["BF16"] = (16, (int)ScalarType.BFloat16), ["F32"] = (32, (int)ScalarType.Float32), ["F64"] = (64, (int)ScalarType.Float64),
        ["C64"] = (64, (int)ScalarType.ComplexFloat32),
        ["F8_E5M2"] = (8, NativeTensors.Float8E5M2), ["F8_E4M3"] = (8, NativeTensors.Float8E4M3), ["F8_E8M0"] = (8, NativeTensors.Float8E8M0),
        ["F8_E5M2FNUZ"] = (8, NativeTensors.Float8E5M2Fnuz), ["F8_E4M3FNUZ"] = (8, NativeTensors.Float8E4M3Fnuz),
        ["F4"] = (4, -1), ["F6_E2M3"] = (6, -1), ["F6_E3M2"] = (6, -1), // no libtorch tensor holds these: their bytes can be read, not computed with
    };

    private static readonly Dictionary<int, string> Names = Known.Where(k => k.Value.Torch >= 0).ToDictionary(k => k.Value.Torch, k => k.Key);

    /// <summary>All names, for messages.</summary>
    public static IEnumerable<string> All => Known.Keys;

    /// <summary>Bits of one element; null for an unknown name.</summary>
    public static int? Bits(string name) => Known.TryGetValue(name, out var d) ? d.Bits : null;

    /// <summary>Whether its numbers are values by themselves; all others stand for some only together with scales.</summary>
    public static bool IsPlain(string name) => name is "F64" or "F32" or "F16" or "BF16";

    /// <summary>c10's dtype number; -1 where libtorch has none.</summary>
    public static int Torch(string name) => Known[name].Torch;

    /// <summary>The format's name of a c10 dtype number; null where it has none.</summary>
    public static string? OfTorch(int dtype) => Names.GetValueOrDefault(dtype);
}
