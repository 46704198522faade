using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>Attention by hand against plain arithmetic in double precision, with guard pages behind its memory, and the same bits on any number of threads.</summary>
public unsafe class FastAttentionTests
{
    [Theory]
    [InlineData(true, 6, 2, 16, 1 << 30)]
    [InlineData(true, 3, 3, 24, 1 << 30)]
    [InlineData(true, 4, 1, 32, 40)]
    [InlineData(false, 6, 2, 16, 1 << 30)]
    [InlineData(false, 3, 3, 32, 70)]
    [InlineData(false, 4, 1, 64, 1 << 30)]
    public void Outputs_and_gradients_are_right_and_the_same_on_any_number_of_threads(bool wide, int heads, int keyHeads, int size, int window)
    {
        foreach (int[] lengths in (int[][])[[200], [64, 5, 130], [40, 40, 40, 40, 40, 40, 40]])
        {
            using var one = new Case(wide, heads, keyHeads, size, window, lengths, threads: 1);
            one.Check(wide ? 1e-5 : 0.02);
            foreach (int threads in (int[])[2, 3])
            {
                using var more = new Case(wide, heads, keyHeads, size, window, lengths, threads);
                Assert.Equal(one.Mixed, more.Mixed);
                Assert.Equal(one.Gradient, more.Gradient);
            }
        }
    }

    private sealed class Case : IDisposable
    {
        private readonly int _heads, _keyHeads, _size, _window;
        private readonly FastSlice _slice;
        private readonly double _scale;
        private readonly NativeBlock _qkv, _above;
        private readonly Kernels _k;

        public Case(bool wide, int heads, int keyHeads, int size, int window, int[] lengths, int threads)
        {
            (_heads, _keyHeads, _size, _window, _scale) = (heads, keyHeads, size, window, 1.5 / Math.Sqrt(size));
            _k = Kernels.Of(wide ? ScalarType.Float32 : ScalarType.BFloat16);
            int longest = lengths.Max();
            long[] mask = [.. lengths.SelectMany(l => Enumerable.Range(0, longest).Select(t => t < l ? 1L : 0L))], ids = new long[mask.Length];
            _slice = Assert.Single(FastSlice.Of(new Batch(ids, mask, ids, lengths.Length, longest), lengths.Sum()));
            var spec = new AttentionSpec { Heads = heads, KeyHeads = keyHeads, HeadSize = size, Scale = _scale };
            int before = get_num_threads(), n = _slice.Rows;
            set_num_threads(threads);
            NativeBlock.Guarded = true;
            try
            {
                using FastAttention attention = new(spec, _k, n, _slice.PaddedRows, longest);
                Assert.Equal(FastAttention.Bytes(spec, _k.Size, n, _slice.PaddedRows, longest), attention.Held);
                (_qkv, _above) = (Random((n + 64) * Pitch, 1), Random(n * Width, 2)); // whole tiles of queries and keys are read
                using NativeBlock mixed = new(n * Width * _k.Size), gradient = new(n * Pitch * _k.Size), lse = new(n * heads * sizeof(float));
                attention.Forward(_slice, _qkv.Start, mixed.Start, (float*)lse.Start, window);
                attention.Backward(_slice, _qkv.Start, mixed.Start, _above.Start, (float*)lse.Start, gradient.Start, window);
                (Mixed, Gradient) = (Numbers(mixed), Numbers(gradient));
            }
            finally
            {
                set_num_threads(before);
                NativeBlock.Guarded = false;
            }
        }

        private int Width => _heads * _size;
        private int Pitch => (_heads + 2 * _keyHeads) * _size;
        public float[] Mixed { get; }
        public float[] Gradient { get; }

        public void Check(double bound)
        {
            float[] qkv = Numbers(_qkv), above = Numbers(_above);
            double[] mixed = new double[Mixed.Length], gradient = new double[Gradient.Length];
            foreach (var sequence in _slice.Sequences)
                for (int head = 0; head < _heads; head++)
                    for (int t = 0; t < sequence.Length; t++)
                    {
                        int group = head / (_heads / _keyHeads), query = (sequence.Start + t) * Pitch + head * _size, output = (sequence.Start + t) * Width + head * _size, first = Math.Max(0, t - _window + 1);
                        int Key(int at) => (sequence.Start + at) * Pitch + (_heads + group) * _size;
                        int Value(int at) => Key(at) + _keyHeads * _size;
                        double[] p = [.. Enumerable.Range(first, t + 1 - first).Select(at => Math.Exp(Dot(qkv, query, qkv, Key(at)) * _scale))];
                        double sum = p.Sum();
                        for (int i = 0; i < p.Length; i++) p[i] /= sum;
                        double[] dp = [.. p.Select((_, i) => Dot(above, output, qkv, Value(first + i)))];
                        double delta = p.Zip(dp, (x, y) => x * y).Sum();
                        for (int i = 0; i < p.Length; i++)
                            for (int d = 0; d < _size; d++)
                            {
                                double ds = p[i] * (dp[i] - delta) * _scale;
                                mixed[output + d] += p[i] * qkv[Value(first + i) + d];
                                gradient[query + d] += ds * qkv[Key(first + i) + d];
                                gradient[Key(first + i) + d] += ds * qkv[query + d];
                                gradient[Value(first + i) + d] += p[i] * above[output + d];
                            }
                    }
            for (int i = 0; i < mixed.Length; i++) Assert.InRange(Mixed[i], mixed[i] - bound, mixed[i] + bound);
            for (int i = 0; i < gradient.Length; i++) Assert.InRange(Gradient[i], gradient[i] - bound * (2 + Math.Abs(gradient[i])), gradient[i] + bound * (2 + Math.Abs(gradient[i])));
        }

        private double Dot(float[] x, int atX, float[] y, int atY)
        {
            double sum = 0;
            for (int i = 0; i < _size; i++) sum += (double)x[atX + i] * y[atY + i];
            return sum;
        }

        private NativeBlock Random(int count, int seed)
        {
            var random = new Random(seed);
            float[] numbers = [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * 2)];
            NativeBlock block = new((long)count * _k.Size);
            fixed (float* from = numbers) _k.Narrow(from, block.Start, count, 1);
            return block;
        }

        private float[] Numbers(NativeBlock block)
        {
            float[] numbers = new float[block.Bytes / _k.Size];
            fixed (float* to = numbers) _k.Widen(block.Start, to, numbers.Length, 1);
            return numbers;
        }

        public void Dispose()
        {
            _qkv.Dispose();
            _above.Dispose();
        }
    }
}
