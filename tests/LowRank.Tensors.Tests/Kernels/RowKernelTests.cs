namespace LowRank.Tensors.Tests;

/// <summary>Norms, rotary positions, gates and what becomes of tiles: every form against plain arithmetic in double precision and against the scalar twin.</summary>
public unsafe class RowKernelTests
{
    public static TheoryData<bool> Kinds => Forms.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public void Norm(bool wide)
    {
        foreach (int width in Forms.Widths)
        {
            const int rows = 3;
            const float epsilon = 1e-5f;
            using Numbers x = Numbers.Random(wide, rows * width, 1, 3), w = Numbers.Random(true, width, 2);
            double[] expected = new double[rows * width];
            for (int r = 0; r < rows; r++)
            {
                double inverse = Inverse(x, r, width, epsilon);
                for (int i = 0; i < width; i++) expected[r * width + i] = x[r * width + i] * inverse * w[i];
            }
            Forms.Check(wide, k =>
            {
                Numbers y = new(wide, rows * width, 9);
                k.RmsNorm(x.At, w.Floats, y.At, rows, width, epsilon);
                return y;
            }, expected, $"norm of {width}", 2e-6, sums: true);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Norm_s_gradient(bool wide)
    {
        foreach (int width in Forms.Widths)
        {
            const int rows = 3;
            const float epsilon = 1e-3f;
            using Numbers x = Numbers.Random(wide, rows * width, 1, 3), w = Numbers.Random(true, width, 2), dy = Numbers.Random(wide, rows * width, 3), before = Numbers.Random(wide, rows * width, 4);
            double[] gradient = new double[rows * width], again = new double[rows * width];
            double largest = 0;
            for (int r = 0; r < rows; r++)
            {
                double inverse = Inverse(x, r, width, epsilon), along = 0;
                for (int i = 0; i < width; i++) along += dy[r * width + i] * w[i] * x[r * width + i];
                for (int i = 0; i < width; i++)
                {
                    int at = r * width + i;
                    again[at] = x[at] * inverse * w[i];
                    gradient[at] = before[at] + dy[at] * w[i] * inverse - x[at] * along * inverse * inverse * inverse / width;
                    largest = Math.Max(largest, Math.Abs(dy[at] * w[i] * inverse));
                }
            }
            foreach (bool wanted in (bool[])[true, false])
            {
                Forms.Check(wide, k =>
                {
                    Numbers dx = before.Copy();
                    using Numbers y = new(wide, rows * width, 9);
                    k.RmsNormBackward(x.At, w.Floats, dy.At, dx.At, wanted ? y.At : null, rows, width, epsilon);
                    return dx;
                }, gradient, $"norm's gradient of {width}", 2e-6, 2e-6 * Math.Max(1, largest), sums: true);
            }
            Forms.Check(wide, k =>
            {
                using Numbers dx = before.Copy();
                Numbers y = new(wide, rows * width, 9);
                k.RmsNormBackward(x.At, w.Floats, dy.At, dx.At, y.At, rows, width, epsilon);
                return y;
            }, again, $"norm again of {width}", 2e-6, sums: true);
        }
    }

    private static double Inverse(Numbers x, int row, int width, double epsilon)
    {
        double square = 0;
        for (int i = 0; i < width; i++) square += x[row * width + i] * x[row * width + i];
        return 1 / Math.Sqrt(square / width + epsilon);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Rotary_positions_forth_and_back(bool wide)
    {
        foreach (var (half, size) in ((int, int)[])[(1, 2), (3, 6), (6, 12), (8, 16), (16, 33), (20, 64), (32, 64), (64, 128), (37, 100)])
            foreach (bool back in (bool[])[false, true])
            {
                const int heads = 3;
                using Numbers x = Numbers.Random(wide, heads * size, 5), cos = Numbers.Random(true, half, 6), sin = Numbers.Random(true, half, 7);
                double[] expected = x.ToArray();
                for (int h = 0; h < heads; h++)
                    for (int i = 0; i < half; i++)
                    {
                        double a = x[h * size + i], b = x[h * size + half + i], s = back ? -sin[i] : sin[i];
                        (expected[h * size + i], expected[h * size + half + i]) = (a * cos[i] - b * s, b * cos[i] + a * s);
                    }
                Forms.Check(wide, k =>
                {
                    Numbers y = x.Copy();
                    k.Rotate(y.At, heads, size, half, cos.Floats, sin.Floats, back);
                    return y;
                }, expected, $"turning {half} of {size}", absolute: 5e-7);
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Gates_and_their_gradients(bool wide)
    {
        foreach (var kind in Enum.GetValues<GateKind>())
            foreach (int width in (int[])[1, 3, 8, 17, 31, 32])
            {
                const int rows = 2, pitch = 70, kept = 83, acts = 41;
                using Numbers g = Numbers.Random(true, rows * pitch, 8, 6), u = Numbers.Random(true, rows * pitch, 9);
                double[] keptGates = Filled(rows * kept), keptUps = Filled(rows * kept), act = Filled(rows * acts);
                Each(rows, width, (r, i) =>
                {
                    double gate = g[r * pitch + i], up = u[r * pitch + i];
                    (keptGates[r * kept + i], keptUps[r * kept + i], act[r * acts + i]) = (gate, up, Forms.Activation(kind, gate) * up);
                });
                Numbers Forward(Kernels k, int which)
                {
                    Numbers[] all = [new(wide, rows * kept, 9), new(wide, rows * kept, 9), new(wide, rows * acts, 9)];
                    k.Gate(kind, g.Floats, u.Floats, pitch, rows, width, all[0].At, all[1].At, kept, all[2].At, acts);
                    return Only(all, which);
                }
                Forms.Check(wide, k => Forward(k, 0), keptGates, $"{kind}: gates kept, {width}");
                Forms.Check(wide, k => Forward(k, 1), keptUps, $"{kind}: ups kept, {width}");
                Forms.Check(wide, k => Forward(k, 2), act, $"{kind}: acts, {width}", 2e-6, 1e-6);

                using Numbers gates = new(wide, rows * kept, 9), ups = new(wide, rows * kept, 9), d = Numbers.Random(true, rows * pitch, 10);
                double[] dGate = Filled(rows * kept), dUp = Filled(rows * kept), again = Filled(rows * acts);
                Each(rows, width, (r, i) =>
                {
                    int at = r * kept + i;
                    (gates[at], ups[at]) = (g[r * pitch + i], u[r * pitch + i]);
                    double above = d[r * pitch + i];
                    (dGate[at], dUp[at], again[r * acts + i]) = (above * ups[at] * Forms.Slope(kind, gates[at]), above * Forms.Activation(kind, gates[at]), Forms.Activation(kind, gates[at]) * ups[at]);
                });
                Numbers Backward(Kernels k, int which)
                {
                    Numbers[] all = [gates.Copy(), ups.Copy(), new(wide, rows * acts, 9)];
                    k.GateBackward(kind, d.Floats, pitch, rows, width, all[0].At, all[1].At, kept, all[2].At, acts);
                    return Only(all, which);
                }
                Forms.Check(wide, k => Backward(k, 0), dGate, $"{kind}: gates' gradients, {width}", 4e-6, 4e-6);
                Forms.Check(wide, k => Backward(k, 1), dUp, $"{kind}: ups' gradients, {width}", 2e-6, 1e-6);
                Forms.Check(wide, k => Backward(k, 2), again, $"{kind}: acts again, {width}", 2e-6, 1e-6);
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Tiles_are_stored_scaled_with_bias_and_added(bool wide)
    {
        foreach (int width in (int[])[0, .. Forms.Widths])
        {
            const int rows = 2;
            const float scale = 0.37f;
            int pitch = width + 3, to = width + 5;
            using Numbers x = Numbers.Random(true, rows * pitch, 11), bias = Numbers.Random(true, width, 12), start = Numbers.Random(wide, rows * to, 13);
            double[] stored = Filled(rows * to);
            Each(rows, width, (r, i) => stored[r * to + i] = x[r * pitch + i] * scale);
            Forms.Check(wide, k =>
            {
                Numbers y = new(wide, rows * to, 9);
                k.Store(x.Floats, pitch, rows, width, y.At, to, scale);
                return y;
            }, stored, $"storing {width}");
            foreach (bool biased in (bool[])[true, false])
                foreach (bool added in (bool[])[true, false])
                {
                    double[] sum = Filled(rows * to);
                    Each(rows, width, (r, i) => sum[r * to + i] = (x[r * pitch + i] + (biased ? bias[i] : 0)) * scale + (added ? start[r * to + i] : 0));
                    Forms.Check(wide, k =>
                    {
                        Numbers y = new(wide, rows * to, 9);
                        k.StoreSum(x.Floats, pitch, rows, width, y.At, to, scale, biased ? bias.Floats : null, added ? start.At : null);
                        return y;
                    }, sum, $"storing a sum of {width}", absolute: 3e-7);
                }
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Widening_narrowing_scaling_and_sums(bool wide)
    {
        foreach (int width in (int[])[0, .. Forms.Widths, 40_003])
        {
            using Numbers kind = Numbers.Random(wide, width, 14), other = Numbers.Random(wide, width, 15), floats = Numbers.Random(true, width, 16);
            Forms.Check(wide, k =>
            {
                Numbers y = new(true, width, 9);
                k.Widen(kind.At, y.Floats, width, 1.7f);
                return y;
            }, [.. kind.ToArray().Select(v => v * 1.7f)], $"widening {width}");
            Forms.Check(wide, k =>
            {
                Numbers y = new(wide, width, 9);
                k.Narrow(floats.Floats, y.At, width, 1.7f);
                return y;
            }, [.. floats.ToArray().Select(v => v * 1.7f)], $"narrowing {width}");
            Forms.Check(wide, k =>
            {
                Numbers y = floats.Copy();
                k.Scale(y.Floats, width, -0.3f);
                return y;
            }, [.. floats.ToArray().Select(v => v * -0.3f)], $"scaling {width}");
            double dot = 0, size = 0;
            for (int i = 0; i < width; i++) (dot, size) = (dot + kind[i] * other[i], size + Math.Abs(kind[i] * other[i]));
            Forms.Check(wide, k => new Numbers(true, 1, k.Dot(kind.At, other.At, width)), [dot], $"dot of {width}", 0, 1e-7 + size * 1e-7 * Math.Sqrt(width + 1), sums: true);
            if (width > 5000) continue;
            const int rows = 5;
            int pitch = width + 3;
            using Numbers x = Numbers.Random(wide, rows * pitch, 17);
            double[] sums = floats.ToArray();
            Each(rows, width, (r, i) => sums[i] += x[r * pitch + i]);
            Forms.Check(wide, k =>
            {
                Numbers y = floats.Copy();
                k.AddColumns(x.At, pitch, rows, width, y.Floats);
                return y;
            }, sums, $"columns of {width}", 1e-6, 1e-6);
        }
    }

    private static double[] Filled(int count) => [.. Enumerable.Repeat(9.0, count)]; // what a pass may not touch

    private static void Each(int rows, int width, Action<int, int> body)
    {
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < width; i++) body(r, i);
    }

    private static Numbers Only(Numbers[] all, int which)
    {
        for (int i = 0; i < all.Length; i++) if (i != which) all[i].Dispose();
        return all[which];
    }
}
