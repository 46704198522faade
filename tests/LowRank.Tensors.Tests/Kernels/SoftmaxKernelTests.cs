namespace LowRank.Tensors.Tests;

/// <summary>The output loss and attention's softmax, forward and backward, against plain arithmetic in double precision and against the scalar twin.</summary>
public unsafe class SoftmaxKernelTests
{
    public static TheoryData<bool> Kinds => Forms.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public void A_row_s_loss_and_gradient(bool wide)
    {
        foreach (int count in Forms.Widths)
            foreach (float scale in (float[])[1, 0.25f])
            {
                using var logits = Numbers.Random(wide, count, 21, 20);
                int target = count * 2 / 3;
                double most = logits.ToArray().Max() * scale, sum = logits.ToArray().Sum(l => Math.Exp(l * scale - most)), loss = Math.Log(sum) + most - logits[target] * scale;
                double[] gradient = [.. logits.ToArray().Select((l, i) => Math.Exp(l * scale - most) / sum - (i == target ? 1 : 0))];
                Forms.Check(wide, k =>
                {
                    using var row = logits.Copy();
                    return new Numbers(true, 1, k.Loss(row.At, count, target, scale, out _));
                }, [loss], $"loss of {count}", 2e-6, 2e-6, sums: true);
                Forms.Check(wide, k =>
                {
                    using var row = logits.Copy();
                    k.Loss(row.At, count, target, scale, out float factor);
                    Numbers result = new(wide, count);
                    for (int i = 0; i < count; i++) result[i] = row[i] * factor;
                    return result;
                }, gradient, $"gradient of {count}", wide ? 4e-6 : 1 / 250.0, 1e-6, sums: true);
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_loss_of_what_is_no_number_is_none(bool wide)
    {
        foreach (var k in Forms.Of(wide))
            foreach (int at in (int[])[0, 5, 16, 40])
            {
                using var logits = Numbers.Random(wide, 41, 22);
                logits[at] = double.NaN;
                Assert.True(float.IsNaN(k.Loss(logits.At, 41, 3, 1, out _)), $"{Forms.Name(k)}: NaN at {at} was lost");
            }
    }

    /// <summary>Two tiles in turn, as attention goes over them, with every kind of border: nothing masked, the diagonal, a window, a row that sees one key.</summary>
    [Theory, MemberData(nameof(Kinds))]
    public void Softmax_over_tiles(bool wide)
    {
        foreach (var (rows, columns, firstMasked, firstSeen) in ((int, int, int, int)[])[(3, 2, 9, -9), (5, 6, 1, -20), (8, 16, 9, 2), (6, 34, 20, 4), (7, 100, 3, -20), (64, 64, 1, -63), (64, 64, 1, -6), (17, 130, 113, 20), (2, 48, 47, 46)])
        {
            const float scale = 0.4f;
            int pitch = columns + 3, pitchP = columns + 6;
            using Numbers first = Numbers.Random(true, rows * pitch, 23, 10), second = Numbers.Random(true, rows * pitch, 24, 20), values = Numbers.Random(true, columns, 25);
            bool Sees(int r, int c) => c < firstMasked + r && c >= firstSeen + r;
            double[] maxima = new double[rows], sums = new double[rows], output = new double[rows];
            for (int r = 0; r < rows; r++)
            {
                var seen = Enumerable.Range(0, columns).Where(c => Sees(r, c)).SelectMany(c => new[] { (c, S: first[r * pitch + c] * scale), (c, S: second[r * pitch + c] * scale) }).ToList();
                maxima[r] = seen.Max(s => s.S) * Math.Log2(Math.E);
                sums[r] = seen.Sum(s => Math.Exp(s.S) * Math.Pow(2, -maxima[r]));
                output[r] = seen.Sum(s => Math.Exp(s.S) * Math.Pow(2, -maxima[r]) * values[s.c]) / sums[r];
            }
            Numbers Run(Kernels k, int which)
            {
                Numbers[] state = [new(true, rows, -1e30), new(true, rows), new(true, rows)];
                using Numbers shrink = new(true, rows, 9), p = new(wide, rows * pitchP, 9);
                foreach (var tile in (Numbers[])[first, second])
                {
                    using var scores = tile.Copy();
                    k.Softmax(scores.Floats, pitch, rows, columns, scale, firstMasked, firstSeen, state[0].Floats, state[1].Floats, shrink.Floats, p.At, pitchP);
                    for (int r = 0; r < rows; r++)
                    {
                        double sum = state[2][r] * shrink[r];
                        for (int c = 0; c < columns; c++)
                        {
                            if (!Sees(r, c)) Assert.InRange(p[r * pitchP + c], 0, 2e-38);
                            sum += p[r * pitchP + c] * values[c];
                        }
                        state[2][r] = sum;
                        Assert.Equal(9, p[r * pitchP + columns]);
                    }
                }
                for (int r = 0; r < rows; r++) state[2][r] /= state[1][r];
                for (int i = 0; i < 3; i++) if (i != which) state[i].Dispose();
                return state[which];
            }
            string what = $"softmax of {rows} x {columns}";
            Forms.Check(wide, k => Run(k, 0), maxima, what + ", maxima", 1e-6);
            Forms.Check(wide, k => Run(k, 1), sums, what + ", sums", 4e-6, sums: true);
            Forms.Check(wide, k => Run(k, 2), output, what + ", output", 4e-6, wide ? 4e-6 : 6e-3, sums: true);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Softmax_s_gradient_over_transposed_tiles(bool wide)
    {
        foreach (var (keys, rows, firstRow, window) in ((int, int, int, int)[])[(2, 2, 0, 1 << 30), (6, 10, 0, 1 << 30), (64, 64, 0, 1 << 30), (64, 64, 64, 1 << 30), (64, 64, 0, 8), (64, 64, 64, 70), (64, 64, 128, 70), (34, 36, 16, 20), (4, 40, 3, 1 << 30)])
        {
            const float scale = 0.4f;
            using Numbers scores = Numbers.Random(true, keys * rows, 26, 8), dp = Numbers.Random(true, keys * rows, 27), lse = Numbers.Random(true, rows, 28, 3), delta = Numbers.Random(true, rows, 29);
            double[] p = new double[keys * rows], ds = new double[keys * rows];
            double largest = 0;
            for (int key = 0; key < keys; key++)
                for (int r = 0; r < rows; r++)
                    if (r >= key - firstRow && r < (long)key - firstRow + window)
                    {
                        int at = key * rows + r;
                        p[at] = Math.Exp(scores[at] * scale) * Math.Pow(2, -lse[r]);
                        ds[at] = p[at] * (dp[at] - delta[r]) * scale;
                        largest = Math.Max(largest, p[at]);
                    }
            Numbers Run(Kernels k, int which)
            {
                Numbers[] all = [new(wide, keys * rows, 9), new(wide, keys * rows, 9), new(wide, keys * rows, 9)];
                k.SoftmaxBackward(scores.Floats, dp.Floats, keys, rows, scale, firstRow, window, lse.Floats, delta.Floats, all[0].At, all[1].At, all[2].At);
                for (int i = 0; i < 3; i++) if (i != which) all[i].Dispose();
                return all[which];
            }
            double[] panel = new double[keys * rows];
            for (int key = 0; key < keys; key++)
                for (int r = 0; r < rows; r++) panel[wide ? key * rows + r : (key / 2 * rows + r) * 2 + key % 2] = ds[key * rows + r];
            string what = $"{keys} x {rows} from {firstRow}, window {window}";
            Forms.Check(wide, k => Run(k, 0), p, what + ", p", 4e-6);
            Forms.Check(wide, k => Run(k, 1), ds, what + ", ds", 4e-6, 1e-6 * largest);
            if (!wide) Forms.Check(wide, k => Run(k, 2), panel, what + ", ds interleaved", 4e-6, 1e-6 * largest);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_score_that_is_no_number_is_none_in_all_that_comes_of_it(bool wide)
    {
        foreach (var k in Forms.Of(wide))
            foreach (int at in (int[])[0, 5, 37, 63])
            {
                using Numbers scores = Numbers.Random(true, 64, 30), dp = Numbers.Random(true, 64, 31), zeros = new(true, 64), maxima = new(true, 1, -1e30), sums = new(true, 1), shrink = new(true, 1), p = new(wide, 64);
                scores[at] = double.NaN;
                using (var copy = scores.Copy()) k.Softmax(copy.Floats, 64, 1, 64, 1, 64, -64, maxima.Floats, sums.Floats, shrink.Floats, p.At, 64);
                Assert.True(double.IsNaN(p[at]) && double.IsNaN(sums[0]), $"{Forms.Name(k)}: NaN at {at} was lost");
                foreach (float cap in (float[])[0, 30])
                {
                    using Numbers s = scores.Copy(), d = dp.Copy(), back = new(wide, 64), ds = new(wide, 64), panel = new(wide, 64);
                    k.SoftmaxBackward(s.Floats, d.Floats, 2, 32, 1, 1, 1 << 30, zeros.Floats, zeros.Floats, back.At, ds.At, panel.At, cap);
                    Assert.True(double.IsNaN(back[at]) && double.IsNaN(ds[at]) && (wide || double.IsNaN(panel[at % 32 * 2 + at / 32])), $"{Forms.Name(k)}, backward: NaN at {at} was lost");
                }
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Capped_scores_and_their_gradient(bool wide)
    {
        const float scale = 0.4f, cap = 5;
        const int keys = 6, rows = 40;
        using Numbers scores = Numbers.Random(true, keys * rows, 32, 20), dp = Numbers.Random(true, keys * rows, 33), lse = Numbers.Random(true, rows, 34, 3), delta = Numbers.Random(true, rows, 35);
        double[] p = new double[keys * rows], ds = new double[keys * rows];
        for (int key = 0; key < keys; key++)
            for (int r = Math.Max(0, key - 2); r < rows; r++)
            {
                int at = key * rows + r;
                double t = Math.Tanh(scores[at] * scale / cap);
                p[at] = Math.Exp(cap * t) * Math.Pow(2, -lse[r]);
                ds[at] = p[at] * (dp[at] - delta[r]) * scale * (1 - t * t);
            }
        Numbers Run(Kernels k, int which)
        {
            Numbers[] all = [new(wide, keys * rows, 9), new(wide, keys * rows, 9), new(wide, keys * rows, 9)];
            using (Numbers s = scores.Copy(), d = dp.Copy()) k.SoftmaxBackward(s.Floats, d.Floats, keys, rows, scale, 2, 1 << 30, lse.Floats, delta.Floats, all[0].At, all[1].At, all[2].At, cap);
            for (int i = 0; i < 3; i++) if (i != which) all[i].Dispose();
            return all[which];
        }
        Forms.Check(wide, k => Run(k, 0), p, "capped, p", 4e-6);
        Forms.Check(wide, k => Run(k, 1), ds, "capped, ds", 4e-6, 1e-6 * p.Max());
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Rows_divided_and_multiplied(bool wide)
    {
        foreach (int columns in Forms.Widths.Concat([34, 64]))
        {
            const int rows = 5;
            int pitch = columns + 3, pitchY = columns + 2;
            using Numbers x = Numbers.Random(true, rows * pitch, 36), divisors = new(true, rows, 3), a = Numbers.Random(wide, rows * pitch, 37), b = Numbers.Random(wide, rows * pitchY, 38);
            double[] quotients = new double[rows * pitchY], dots = new double[rows];
            for (int r = 0; r < rows; r++)
            {
                for (int c = 0; c < columns; c++) (quotients[r * pitchY + c], dots[r]) = (x[r * pitch + c] / 3, dots[r] + a[r * pitch + c] * b[r * pitchY + c]);
                for (int c = columns; c < pitchY; c++) quotients[r * pitchY + c] = 9;
            }
            Forms.Check(wide, k =>
            {
                Numbers y = new(wide, rows * pitchY, 9);
                k.Divide(x.Floats, pitch, rows, columns, divisors.Floats, y.At, pitchY);
                return y;
            }, quotients, $"rows of {columns} divided");
            Forms.Check(wide, k =>
            {
                Numbers sums = new(true, rows, 9);
                k.Dots(a.At, pitch, b.At, pitchY, rows, columns, sums.Floats);
                return sums;
            }, dots, $"products of {columns}", 1e-6, 1e-6 * columns, sums: true);
        }
    }
}
