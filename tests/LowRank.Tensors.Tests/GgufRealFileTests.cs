using System.Security.Cryptography;
using System.Text.Json;

namespace LowRank.Tensors.Tests;

public class GgufRealFileTests
{
    [Fact]
    public void SmolLM2_has_the_metadata_and_the_raw_bytes_of_the_golden()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Paths.Shared("goldens/smollm2/metadata.json")));
        using var file = GgufFile.Open(Paths.Shared("models/SmolLM2-135M-Instruct.Q4_1.gguf"));
        JsonElement[] fields = [.. golden.RootElement.GetProperty("fields").EnumerateArray().Where(f => !f.GetProperty("key").GetString()!.StartsWith("GGUF.", StringComparison.Ordinal))];
        Assert.Equal(fields.Select(f => f.GetProperty("key").GetString()), file.Metadata.Keys);
        foreach (var field in fields)
        {
            object value = file.Metadata[field.GetProperty("key").GetString()!];
            string[] types = [.. field.GetProperty("types").EnumerateArray().Select(t => t.GetString()!)];
            if (value is Array array)
            {
                Assert.Equal(("ARRAY", types[1]), (types[0], TypeName(array.GetValue(0)!)));
                Assert.Equal(field.GetProperty("length").GetInt32(), array.Length);
                Check(field.GetProperty("first"), array.Cast<object>().Take(8).ToArray());
                Check(field.GetProperty("last"), array.Cast<object>().TakeLast(4).ToArray());
            }
            else
            {
                Assert.Equal(types[0], TypeName(value));
                Check(field.GetProperty("value"), value);
            }
        }

        JsonElement[] tensors = [.. golden.RootElement.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(tensors.Select(t => t.GetProperty("gguf").GetString()).Order(), file.Names.Order());
        Assert.Equal(golden.RootElement.GetProperty("data_offset").GetInt64(), file.Tensors.Min(t => t.Offset));
        foreach (var tensor in tensors)
        {
            string name = tensor.GetProperty("gguf").GetString()!;
            Assert.Equal(tensor.GetProperty("type").GetString(), file.DType(name));
            Assert.Equal(tensor.GetProperty("bytes").GetInt64(), file.ByteLength(name));
            Assert.Equal(tensor.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()), file.Shape(name)!);
            Assert.Equal(tensor.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(file.Bytes(name))));
        }
    }

    private static void Check(JsonElement expected, object value)
    {
        if (value is object[] items)
        {
            Assert.Equal(expected.GetArrayLength(), items.Length);
            for (int i = 0; i < items.Length; i++) Check(expected[i], items[i]);
        }
        else if (value is string text) Assert.Equal(expected.GetString(), text);
        else if (value is bool flag) Assert.Equal(expected.GetBoolean(), flag);
        else Assert.Equal(expected.GetDouble(), Convert.ToDouble(value, null));
    }

    private static string TypeName(object value) => value switch { string => "STRING", bool => "BOOL", uint => "UINT32", int => "INT32", float => "FLOAT32", _ => value.GetType().Name };
}
