using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowRank.Tensors;

/// <summary>
/// The innermost product of all: C [m, n] = A [m, k] · B [k, n], or added to C, in float32 sums, of a size that stays in the caches. libtorch exports the
/// micro-kernels that oneDNN generates for this processor (`at::native::cpublas::brgemm`); where they are missing, code of ours does it.
/// B of bfloat16 lies in pairs of rows, [k / 2, n, 2].
/// </summary>
internal static unsafe class TileProduct
{
    private static readonly delegate* unmanaged<long, long, long, long, long, long, byte, float*, float*, float*, byte, void> Single;
    private static readonly delegate* unmanaged<long, long, long, long, long, long, byte, ushort*, ushort*, float*, byte, void> BFloat;
    private static readonly delegate* unmanaged<byte, void> Release;

    [ThreadStatic] private static float* _wide;
    [ThreadStatic] private static long _wideLength;

    static TileProduct()
    {
        NativeTensors.EnsureLoaded();
        if (Environment.GetEnvironmentVariable("LOWRANK_PORTABLE") == "1" || !NativeLibrary.TryLoad("torch_cpu", typeof(TorchSharp.torch).Assembly, null, out nint library)) return;
        nint Export(string name) => NativeLibrary.TryGetExport(library, name, out nint address) ? address : 0;
        Single = (delegate* unmanaged<long, long, long, long, long, long, byte, float*, float*, float*, byte, void>)Export("_ZN2at6native7cpublas6brgemmEllllllbPKfS3_Pfb");
        if (CanMultiplyBFloat16(RuntimeInformation.ProcessArchitecture, Processor.HasBFloat16))
            BFloat = (delegate* unmanaged<long, long, long, long, long, long, byte, ushort*, ushort*, float*, byte, void>)Export("_ZN2at6native7cpublas6brgemmEllllllbPKN3c108BFloat16ES5_Pfb");
        Release = (delegate* unmanaged<byte, void>)Export("_ZN2at6native7cpublas14brgemm_releaseEb");
    }

    /// <summary>
    /// Whether libtorch's micro-kernels take bfloat16 in pairs of rows: on x64 with units for it. Elsewhere, as on ARM64 with its own bfloat16, they have an error for it, which would end the process.
    /// </summary>
    internal static bool CanMultiplyBFloat16(Architecture architecture, bool hasUnits) => architecture == Architecture.X64 && hasUnits;

    /// <summary>Whether the processor's own bfloat16 products are used.</summary>
    public static bool HasBFloat16 => BFloat is not null;

    /// <summary>float32; row pitches in numbers.</summary>
    public static void Multiply(int m, int n, int k, float* a, int lda, float* b, int ldb, float* c, int ldc, bool add)
    {
        if (Single is not null) Single(m, n, k, lda, ldb, ldc, add ? (byte)1 : (byte)0, a, b, c, 0);
        else Portable<F32>(m, n, k, (F32*)a, lda, (F32*)b, ldb, c, ldc, add);
    }

    /// <summary>bfloat16, k even; without units for it both sides are widened first.</summary>
    public static void Multiply(int m, int n, int k, ushort* a, int lda, ushort* b, int ldb, float* c, int ldc, bool add)
    {
        if (BFloat is not null) BFloat(m, n, k, lda, ldb, ldc, add ? (byte)1 : (byte)0, a, b, c, 1);
        else if (Single is not null) Widened(m, n, k, a, lda, b, ldb, c, ldc, add);
        else Portable(m, n, k, (B16*)a, lda, (B16*)b, ldb, c, ldc, add);
    }

    /// <summary>bfloat16, k even, as a float32 product of widened numbers.</summary>
    internal static void Widened(int m, int n, int k, ushort* a, int lda, ushort* b, int ldb, float* c, int ldc, bool add)
    {
        float* left = Wide(((long)m + n) * k), right = left + (long)m * k;
        for (int i = 0; i < m; i++) WidenRow(a + (long)i * lda, left + (long)i * k, k);
        for (int j = 0; j < k; j += 2) WidenPairs((uint*)b + (long)(j / 2) * ldb, right + (long)j * n, right + (long)(j + 1) * n, n);
        Multiply(m, n, k, left, k, right, n, c, ldc, add);
    }

    /// <summary>To be called by a thread that has done its products, before other code runs: frees the tile registers of processors that have them.</summary>
    public static void Done()
    {
        if (Release is not null && BFloat is not null) Release(1);
    }

    /// <summary>The product in plain C#: four rows and two registers of columns at a time.</summary>
    public static void Portable<TE>(int m, int n, int k, TE* a, int lda, TE* b, int ldb, float* c, int ldc, bool add) where TE : unmanaged, IElement<TE>
    {
        int columns = System.Runtime.Intrinsics.Vector256.IsHardwareAccelerated ? Columns<TE, Lanes8>(m, 0, n, k, a, lda, b, ldb, c, ldc, add) : Columns<TE, Lanes4>(m, 0, n, k, a, lda, b, ldb, c, ldc, add);
        Columns<TE, Lanes1>(m, columns, n, k, a, lda, b, ldb, c, ldc, add);
    }

    private static int Columns<TE, L>(int m, int from, int n, int k, TE* a, int lda, TE* b, int ldb, float* c, int ldc, bool add) where TE : unmanaged, IElement<TE> where L : unmanaged, ILanes<L>
    {
        int j = from;
        for (; j + 2 * L.Count <= n; j += 2 * L.Count)
        {
            int i = 0;
            for (; i + 4 <= m; i += 4)
            {
                L s00 = L.Of(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
                TE* r0 = a + (long)i * lda, r1 = r0 + lda, r2 = r1 + lda, r3 = r2 + lda;
                for (int p = 0; p < k; p++)
                {
                    L b0 = Right<TE, L>(b, ldb, p, j), b1 = Right<TE, L>(b, ldb, p, j + L.Count);
                    L x = Left<TE, L>(r0 + p);
                    (s00, s01) = (L.MultiplyAdd(x, b0, s00), L.MultiplyAdd(x, b1, s01));
                    x = Left<TE, L>(r1 + p);
                    (s10, s11) = (L.MultiplyAdd(x, b0, s10), L.MultiplyAdd(x, b1, s11));
                    x = Left<TE, L>(r2 + p);
                    (s20, s21) = (L.MultiplyAdd(x, b0, s20), L.MultiplyAdd(x, b1, s21));
                    x = Left<TE, L>(r3 + p);
                    (s30, s31) = (L.MultiplyAdd(x, b0, s30), L.MultiplyAdd(x, b1, s31));
                }
                float* to = c + (long)i * ldc + j;
                Put(to, s00, s01, add);
                Put(to + ldc, s10, s11, add);
                Put(to + 2 * ldc, s20, s21, add);
                Put(to + 3 * ldc, s30, s31, add);
            }
            for (; i < m; i++)
            {
                L s0 = L.Of(0), s1 = s0;
                for (int p = 0; p < k; p++)
                {
                    L x = Left<TE, L>(a + (long)i * lda + p);
                    (s0, s1) = (L.MultiplyAdd(x, Right<TE, L>(b, ldb, p, j), s0), L.MultiplyAdd(x, Right<TE, L>(b, ldb, p, j + L.Count), s1));
                }
                Put(c + (long)i * ldc + j, s0, s1, add);
            }
        }
        if (L.Count > 1 || j == n) return j;
        for (int i = 0; i < m; i++) // the last column of an odd count
        {
            L s = L.Of(0);
            for (int p = 0; p < k; p++) s = L.MultiplyAdd(Left<TE, L>(a + (long)i * lda + p), Right<TE, L>(b, ldb, p, j), s);
            float* to = c + (long)i * ldc + j;
            L.Store(add ? s + L.Load(to) : s, to);
        }
        return n;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Left<TE, L>(TE* one) where TE : unmanaged, IElement<TE> where L : unmanaged, ILanes<L> => L.Of(Lanes1.Sum(TE.Load<Lanes1>(one)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Right<TE, L>(TE* b, int ldb, int row, int column) where TE : unmanaged, IElement<TE> where L : unmanaged, ILanes<L>
    {
        if (TE.Pair == 1) return L.Load((float*)b + (long)row * ldb + column);
        uint* pairs = (uint*)b + (long)(row / 2) * ldb + column;
        return (row & 1) == 0 ? L.First(pairs) : L.Second(pairs);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<L>(float* to, L x, L y, bool add) where L : unmanaged, ILanes<L>
    {
        if (add) (x, y) = (x + L.Load(to), y + L.Load(to + L.Count));
        L.Store(x, to);
        L.Store(y, to + L.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenRow(ushort* from, float* to, int count)
    {
        int i = 0;
        if (System.Runtime.Intrinsics.X86.Avx2.IsSupported)
            for (; i + Lanes8.Count <= count; i += Lanes8.Count) Lanes8.Store(Lanes8.Widen(from + i), to + i);
        for (; i < count; i++) Lanes1.Store(Lanes1.Widen(from + i), to + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenPairs(uint* from, float* first, float* second, int count)
    {
        int i = 0;
        if (System.Runtime.Intrinsics.X86.Avx2.IsSupported)
            for (; i + Lanes8.Count <= count; i += Lanes8.Count)
            {
                Lanes8.Store(Lanes8.First(from + i), first + i);
                Lanes8.Store(Lanes8.Second(from + i), second + i);
            }
        for (; i < count; i++)
        {
            Lanes1.Store(Lanes1.First(from + i), first + i);
            Lanes1.Store(Lanes1.Second(from + i), second + i);
        }
    }

    // This thread's memory for widened numbers.
    internal static float* Wide(long length)
    {
        if (length > _wideLength)
        {
            float* old = _wide;
            _wideLength = 0;
            _wide = null; // the next may not be had, and what is freed is not to be used again
            System.Runtime.InteropServices.NativeMemory.AlignedFree(old);
            _wide = (float*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc((nuint)length * sizeof(float), 64);
            _wideLength = length;
        }
        return _wide;
    }
}
