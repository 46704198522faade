namespace LowRank.Tensors.Tests;

/// <summary>Panels and transpositions move numbers and change none, in every form and at every size.</summary>
public unsafe class PanelTests
{
    private static readonly int[] Sizes = [1, 2, 3, 7, 8, 9, 16, 17, 31, 40, 67];

    public static TheoryData<bool> Kinds => Forms.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public void Panels_of_rows(bool wide)
    {
        foreach (int rows in Sizes)
            foreach (int columns in Sizes)
            {
                int pitch = columns + 3, width = columns + (rows % 3), depth = wide ? rows + rows % 4 : (rows + 1) / 2 * 2 + rows % 4 / 2 * 2;
                using var x = Numbers.Random(wide, rows * pitch, 31);
                double[] expected = new double[depth * width];
                for (int r = 0; r < rows; r++)
                    for (int c = 0; c < columns; c++) expected[Place(wide, r, c, width)] = x[r * pitch + c];
                Forms.Check(wide, k =>
                {
                    Numbers panel = new(wide, depth * width, 9);
                    k.PackRows(x.At, pitch, rows, columns, panel.At, depth, width);
                    return panel;
                }, expected, $"rows {rows} x {columns}", 0, 0);
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Panels_of_the_transpose(bool wide)
    {
        foreach (int rows in Sizes)
            foreach (int depth in Sizes)
            {
                int pitch = depth + 3, columns = rows + rows % 4, width = columns + 2, deep = wide ? depth : (depth + 1) / 2 * 2;
                using var x = Numbers.Random(wide, rows * pitch, 32);
                double[] expected = [.. Enumerable.Repeat(9.0, deep * width)];
                for (int d = 0; d < deep; d++)
                    for (int c = 0; c < columns; c++) expected[Place(wide, d, c, width)] = c < rows && d < depth ? x[c * pitch + d] : 0;
                Forms.Check(wide, k =>
                {
                    Numbers panel = new(wide, deep * width, 9);
                    k.PackTransposed(x.At, pitch, rows, depth, panel.At, columns, width);
                    return panel;
                }, expected, $"transpose of {rows} x {depth}", 0, 0);
            }
    }

    // Where B[k, n] lies: bfloat16 rows lie in pairs.
    private static int Place(bool wide, int row, int column, int width) => wide ? row * width + column : (row / 2 * width + column) * 2 + row % 2;

    [Theory, MemberData(nameof(Kinds))]
    public void Transpositions(bool wide)
    {
        foreach (int rows in Sizes.Where(r => wide || r % 2 == 0))
            foreach (int columns in Sizes)
            {
                int pitch = columns + 3, to = rows + 4;
                using Numbers x = Numbers.Random(wide, rows * pitch, 33), singles = Numbers.Random(true, rows * pitch, 34);
                Forms.Check(wide, k =>
                {
                    Numbers y = new(wide, columns * to, 9);
                    using Numbers scratch = new(wide, rows * columns);
                    k.Transpose(x.At, pitch, rows, columns, y.At, to, scratch.At);
                    return y;
                }, Turned(x, pitch, rows, columns, to), $"{rows} x {columns}", 0, 0);
                Forms.Check(wide, k =>
                {
                    Numbers y = new(true, columns * to, 9);
                    k.TransposeSingles(singles.Floats, pitch, rows, columns, y.Floats, to);
                    return y;
                }, Turned(singles, pitch, rows, columns, to), $"float32 {rows} x {columns}", 0, 0);
            }
    }

    private static double[] Turned(Numbers x, int pitch, int rows, int columns, int to)
    {
        double[] y = [.. Enumerable.Repeat(9.0, columns * to)];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) y[c * to + r] = x[r * pitch + c];
        return y;
    }
}
