using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public partial class FuzzTests
{
    [Fact]
    public unsafe void Mutated_quantised_weights_are_expanded_or_refused()
    {
        using var scope = NewDisposeScope();
        string folder = Paths.Temporary(), path = Path.Combine(folder, "model.safetensors");
        using var four = Bnb4Weight.Quantize("nf4", randn(6, 48), nested: true);
        using var flat = Bnb4Weight.Quantize("fp4", randn(3, 5));
        using var eight = Int8Weight.Quantize(randn(4, 9));
        (string, Tensor)[][] forms =
        [
            [.. four.Save("a.weight")], [.. flat.Save("a.weight")], [.. eight.Save("a.weight")],
            [("a.qweight", ones(2, 8, ScalarType.Int32)), ("a.qzeros", ones(2, 1, ScalarType.Int32)), ("a.scales", ones(2, 8, ScalarType.Float16)), ("a.g_idx", zeros(16, ScalarType.Int32))],
            [("a.qweight", ones(6, 1, ScalarType.Int32)), ("a.qzeros", ones(2, 1, ScalarType.Int32)), ("a.scales", ones(2, 8, ScalarType.Float16))],
        ];
        List<byte[]> seeds = [SafetensorsBytes.Of("""{"a.weight":{"dtype":"F8_E4M3","shape":[2,3],"data_offsets":[0,6]},"a.weight_scale":{"dtype":"F32","shape":[2,1],"data_offsets":[6,14]}}""", new byte[14])];
        foreach (var form in forms)
        {
            SafetensorsWriter.Write(path, form);
            seeds.Add(File.ReadAllBytes(path));
        }
        int expanded = 0;
        for (int i = -seeds.Count; i < Cases; i++)
        {
            var random = new Random(i);
            byte[] file = seeds[(i + seeds.Count) % seeds.Count];
            for (int times = i < 0 ? 0 : 1 + random.Next(2); times > 0; times--) file = random.Next(2) == 0 ? Bytes(random, file) : Json(random, file);
            File.WriteAllBytes(path, file);
            try
            {
                using var source = SafetensorsFile.Open(path);
                using var weight = QuantizedKinds.Read(source, "a.weight");
                if (weight is null || (double)weight.Rows * weight.Columns is 0 or > 1e6) continue;
                var values = new float[weight.Rows * weight.Columns];
                fixed (float* y = values) weight.Expand(0, weight.Rows, y);
                expanded++;
            }
            catch (BadInputException) when (i >= 0) { }
            catch (Exception e)
            {
                Assert.Fail($"case {i} ended in {e}\n{Convert.ToHexString(file)}");
            }
        }
        Assert.InRange(expanded, seeds.Count, Cases);
        Directory.Delete(folder, true);
    }
}
