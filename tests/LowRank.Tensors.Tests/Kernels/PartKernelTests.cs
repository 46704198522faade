namespace LowRank.Tensors.Tests;

/// <summary>What only some families and adapters need: LayerNorm, norms behind a part, parts without a gate, factors of columns, caps.</summary>
public unsafe class PartKernelTests
{
    public static TheoryData<bool> Kinds => Forms.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public void Layer_norm_and_its_gradient(bool wide)
    {
        foreach (int width in Forms.Widths.Where(w => w > 1))
        {
            const int rows = 3;
            const float epsilon = 1e-3f;
            using Numbers x = Numbers.Random(wide, rows * width, 51, 3), w = Numbers.Random(true, width, 52), b = Numbers.Random(true, width, 53), dy = Numbers.Random(wide, rows * width, 54), before = Numbers.Random(wide, rows * width, 55);
            double[] normal = new double[rows * width], gradient = new double[rows * width];
            double largest = 1;
            for (int r = 0; r < rows; r++)
            {
                double[] row = [.. Enumerable.Range(0, width).Select(i => x[r * width + i])];
                double mean = row.Average(), inverse = 1 / Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + epsilon);
                double total = Enumerable.Range(0, width).Average(i => dy[r * width + i] * w[i]), along = Enumerable.Range(0, width).Average(i => dy[r * width + i] * w[i] * (row[i] - mean) * inverse);
                for (int i = 0; i < width; i++)
                {
                    double hat = (row[i] - mean) * inverse;
                    normal[r * width + i] = hat * w[i] + b[i];
                    gradient[r * width + i] = before[r * width + i] + inverse * (dy[r * width + i] * w[i] - total - hat * along);
                    largest = Math.Max(largest, inverse);
                }
            }
            Forms.Check(wide, k =>
            {
                Numbers y = new(wide, rows * width, 9);
                k.LayerNorm(x.At, w.Floats, b.Floats, y.At, rows, width, epsilon);
                return y;
            }, normal, $"layer norm of {width}", 4e-6, 4e-6 * largest, sums: true);
            Forms.Check(wide, k =>
            {
                Numbers dx = before.Copy();
                k.LayerNormBackward(x.At, w.Floats, b.Floats, dy.At, dx.At, null, rows, width, epsilon);
                return dx;
            }, gradient, $"layer norm's gradient of {width}", 4e-6, 4e-6 * largest, sums: true);
            Forms.Check(wide, k =>
            {
                using Numbers dx = before.Copy();
                Numbers y = new(wide, rows * width, 9);
                k.LayerNormBackward(x.At, w.Floats, b.Floats, dy.At, dx.At, y.At, rows, width, epsilon);
                return y;
            }, normal, $"layer norm again of {width}", 4e-6, 4e-6 * largest, sums: true);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Norms_behind_a_part(bool wide)
    {
        foreach (int width in Forms.Widths)
        {
            const int rows = 2;
            const float epsilon = 1e-3f;
            using Numbers x = Numbers.Random(wide, rows * width, 56, 3), w = Numbers.Random(true, width, 57), dy = Numbers.Random(wide, rows * width, 58), start = Numbers.Random(wide, rows * width, 59);
            double[] sum = new double[rows * width], gradient = new double[rows * width];
            double largest = 1;
            for (int r = 0; r < rows; r++)
            {
                double square = Enumerable.Range(0, width).Average(i => x[r * width + i] * x[r * width + i]), inverse = 1 / Math.Sqrt(square + epsilon);
                double along = Enumerable.Range(0, width).Sum(i => dy[r * width + i] * w[i] * x[r * width + i]);
                for (int i = 0; i < width; i++)
                {
                    sum[r * width + i] = start[r * width + i] + x[r * width + i] * inverse * w[i];
                    gradient[r * width + i] = dy[r * width + i] * w[i] * inverse - x[r * width + i] * along * inverse * inverse * inverse / width;
                }
                largest = Math.Max(largest, inverse);
            }
            Forms.Check(wide, k =>
            {
                Numbers y = new(wide, rows * width, 9);
                k.RmsNormSum(x.At, w.Floats, start.At, y.At, rows, width, epsilon);
                return y;
            }, sum, $"norm added, {width}", 2e-6, 2e-6, sums: true);
            foreach (bool inPlace in (bool[])[false, true])
                Forms.Check(wide, k =>
                {
                    Numbers dx = inPlace ? dy.Copy() : new(wide, rows * width, 9);
                    k.RmsNormGradient(x.At, w.Floats, inPlace ? dx.At : dy.At, dx.At, rows, width, epsilon);
                    return dx;
                }, gradient, $"norm's gradient alone, {width}", 2e-6, 2e-6 * largest, sums: true);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Parts_without_a_gate(bool wide)
    {
        foreach (var kind in Enum.GetValues<GateKind>())
            foreach (int width in (int[])[1, 3, 8, 17, 31, 32])
            {
                const int rows = 2, pitch = 70, kept = 83, acts = 41;
                using Numbers x = Numbers.Random(true, rows * pitch, 60, 6), d = Numbers.Random(true, rows * pitch, 61), from = new(wide, rows * kept, 9);
                double[] act = [.. Enumerable.Repeat(9.0, rows * acts)], gradient = [.. Enumerable.Repeat(9.0, rows * kept)], again = [.. act];
                for (int r = 0; r < rows; r++)
                    for (int i = 0; i < width; i++)
                    {
                        double v = from[r * kept + i] = x[r * pitch + i];
                        v = from[r * kept + i];
                        act[r * acts + i] = Forms.Activation(kind, x[r * pitch + i]);
                        again[r * acts + i] = Forms.Activation(kind, v);
                        gradient[r * kept + i] = d[r * pitch + i] * Forms.Slope(kind, v);
                    }
                Forms.Check(wide, k =>
                {
                    Numbers y = new(wide, rows * acts, 9);
                    using Numbers keep = new(wide, rows * kept, 9);
                    k.Activate(kind, x.Floats, pitch, rows, width, keep.At, kept, y.At, acts);
                    return y;
                }, act, $"{kind} of {width}", 2e-6, 1e-6);
                Forms.Check(wide, k =>
                {
                    Numbers g = from.Copy();
                    using Numbers y = new(wide, rows * acts, 9);
                    k.ActivateBackward(kind, d.Floats, pitch, rows, width, g.At, kept, y.At, acts);
                    return g;
                }, gradient, $"{kind}'s gradient of {width}", 4e-6, 4e-6);
                Forms.Check(wide, k =>
                {
                    using Numbers g = from.Copy();
                    Numbers y = new(wide, rows * acts, 9);
                    k.ActivateBackward(kind, d.Floats, pitch, rows, width, g.At, kept, y.At, acts);
                    return y;
                }, again, $"{kind} again of {width}", 2e-6, 1e-6);
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Factors_and_sums_of_columns(bool wide)
    {
        foreach (int width in Forms.Widths)
        {
            const int rows = 3;
            int pitch = width + 3;
            using Numbers tile = Numbers.Random(true, rows * pitch, 62), factors = Numbers.Random(true, width, 63), x = Numbers.Random(wide, rows * pitch, 64), y = Numbers.Random(wide, rows * pitch, 65), dense = Numbers.Random(wide, rows * width, 66);
            double[] scaled = tile.ToArray(), columns = dense.ToArray(), products = factors.ToArray();
            for (int r = 0; r < rows; r++)
                for (int i = 0; i < width; i++)
                {
                    scaled[r * pitch + i] *= factors[i];
                    columns[r * width + i] *= factors[i];
                    products[i] += x[r * pitch + i] * y[r * pitch + i];
                }
            Forms.Check(wide, k =>
            {
                Numbers t = tile.Copy();
                k.ScaleTile(t.Floats, pitch, rows, width, factors.Floats);
                return t;
            }, scaled, $"tile of {width}");
            Forms.Check(wide, k =>
            {
                Numbers t = dense.Copy();
                k.ScaleColumns(t.At, factors.Floats, t.At, rows, width);
                return t;
            }, columns, $"columns of {width}");
            Forms.Check(wide, k =>
            {
                Numbers t = factors.Copy();
                k.AddProducts(x.At, pitch, y.At, pitch, rows, width, t.Floats);
                return t;
            }, products, $"products of {width}", 1e-6, 1e-6);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Capped_losses(bool wide)
    {
        foreach (int count in Forms.Widths)
        {
            const float scale = 0.5f, cap = 6;
            using var logits = Numbers.Random(wide, count, 67, 20);
            int target = count / 2;
            double[] capped = [.. logits.ToArray().Select(l => cap * Math.Tanh(l * scale / cap))];
            double most = capped.Max(), sum = capped.Sum(l => Math.Exp(l - most)), loss = Math.Log(sum) + most - capped[target];
            double[] gradient = [.. capped.Select((l, i) => (Math.Exp(l - most) / sum - (i == target ? 1 : 0)) * (1 - l / cap * (l / cap)))];
            Forms.Check(wide, k =>
            {
                using var row = logits.Copy();
                return new Numbers(true, 1, k.Loss(row.At, count, target, scale, out _, cap));
            }, [loss], $"capped loss of {count}", 4e-6, 4e-6, sums: true);
            Forms.Check(wide, k =>
            {
                using var row = logits.Copy();
                k.Loss(row.At, count, target, scale, out float factor, cap);
                Numbers result = new(wide, count);
                for (int i = 0; i < count; i++) result[i] = row[i] * factor;
                return result;
            }, gradient, $"capped gradient of {count}", wide ? 2e-5 : 1 / 125.0, 4e-6, sums: true);
        }
    }
}
