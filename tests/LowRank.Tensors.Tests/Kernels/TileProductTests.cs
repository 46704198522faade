namespace LowRank.Tensors.Tests;

/// <summary>The product of a tile in each of its ways (libtorch's, ours, bfloat16 widened to float32) against sums in double precision.</summary>
public unsafe class TileProductTests
{
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 2 }, { 1, 1, 1 }, { 1, 17, 3 }, { 2, 3, 4 }, { 3, 5, 7 }, { 4, 16, 12 }, { 5, 31, 64 }, { 7, 8, 9 }, { 64, 64, 12 }, { 63, 33, 65 }, { 64, 64, 64 }, { 1, 64, 130 }, { 66, 1, 30 }, { 13, 48, 1021 }, { 256, 64, 96 }, { 12, 64, 64 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_of_float32(int m, int n, int k)
    {
        Check(true, m, n, k, (a, lda, b, ldb, c, ldc, add) => TileProduct.Multiply(m, n, k, a.Floats, lda, b.Floats, ldb, c.Floats, ldc, add), "as chosen");
        Check(true, m, n, k, (a, lda, b, ldb, c, ldc, add) => TileProduct.Portable(m, n, k, (F32*)a.At, lda, (F32*)b.At, ldb, c.Floats, ldc, add), "ours");
        foreach (var form in Forms.Of(true)) Check(true, m, n, k, (a, lda, b, ldb, c, ldc, add) => form.Multiply(m, n, k, a.At, lda, b.At, ldb, c.Floats, ldc, add), Forms.Name(form));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_of_bfloat16(int m, int n, int k)
    {
        k += k % 2; // pairs
        Check(false, m, n, k, (a, lda, b, ldb, c, ldc, add) => TileProduct.Multiply(m, n, k, (ushort*)a.At, lda, (ushort*)b.At, ldb, c.Floats, ldc, add), "as chosen");
        Check(false, m, n, k, (a, lda, b, ldb, c, ldc, add) => TileProduct.Portable(m, n, k, (B16*)a.At, lda, (B16*)b.At, ldb, c.Floats, ldc, add), "ours");
        Check(false, m, n, k, (a, lda, b, ldb, c, ldc, add) => TileProduct.Widened(m, n, k, (ushort*)a.At, lda, (ushort*)b.At, ldb, c.Floats, ldc, add), "widened");
        foreach (var form in Forms.Of(false)) Check(false, m, n, k, (a, lda, b, ldb, c, ldc, add) => form.Multiply(m, n, k, a.At, lda, b.At, ldb, c.Floats, ldc, add), Forms.Name(form));
    }

    private delegate void Product(Numbers a, int lda, Numbers b, int ldb, Numbers c, int ldc, bool add);

    private static void Check(bool wide, int m, int n, int k, Product product, string what)
    {
        int lda = k + 6, ldb = n + 3, ldc = n + 5;
        using Numbers a = Numbers.Random(wide, m * lda, 41), right = Numbers.Random(wide, k * ldb, 42), before = Numbers.Random(true, m * ldc, 43);
        foreach (bool add in (bool[])[false, true])
        {
            using Numbers c = before.Copy();
            product(a, lda, right, ldb, c, ldc, add);
            for (int i = 0; i < m; i++)
                for (int j = 0; j < ldc; j++)
                {
                    double sum = add || j >= n ? before[i * ldc + j] : 0, size = Math.Abs(sum);
                    for (int p = 0; p < k && j < n; p++)
                    {
                        double term = a[i * lda + p] * right[wide ? p * ldb + j : (p / 2 * ldb + j) * 2 + p % 2];
                        (sum, size) = (sum + term, size + Math.Abs(term));
                    }
                    double bound = j >= n ? 0 : 1e-7 + size * 1.2e-7 * (1 + Math.Sqrt(k));
                    if (!(Math.Abs(c[i * ldc + j] - sum) <= bound)) Assert.Fail($"{what}, add {add}, [{i}, {j}] of {m} x {n} x {k}: {c[i * ldc + j]:r}, expected {sum:r}");
                }
        }
    }

    [Fact]
    public unsafe void Memory_that_cannot_be_had_leaves_nothing_freed_in_use()
    {
        Assert.True(TileProduct.Wide(64) is not null);
        Assert.ThrowsAny<OutOfMemoryException>(() => TileProduct.Wide(long.MaxValue / 16));
        Assert.True(TileProduct.Wide(0) is null); // what is held now: not the freed block
        Assert.True(TileProduct.Wide(32) is not null);
        ushort* one = stackalloc ushort[2] { 0x3f80, 0x4000 }, two = stackalloc ushort[2] { 0x4040, 0x4080 }; // 1, 2 and 3, 4
        float result = 0;
        TileProduct.Widened(1, 1, 2, one, 2, two, 1, &result, 1, false);
        Assert.Equal(11, result);
    }

    [Theory]
    [InlineData(System.Runtime.InteropServices.Architecture.X64, true, true)]
    [InlineData(System.Runtime.InteropServices.Architecture.X64, false, false)]
    [InlineData(System.Runtime.InteropServices.Architecture.Arm64, true, false)] // its own bfloat16 is not laid out in pairs
    [InlineData(System.Runtime.InteropServices.Architecture.Arm64, false, false)]
    public void Pairs_of_bfloat16_are_for_x64_with_units(System.Runtime.InteropServices.Architecture architecture, bool units, bool expected)
        => Assert.Equal(expected, TileProduct.CanMultiplyBFloat16(architecture, units));
}
