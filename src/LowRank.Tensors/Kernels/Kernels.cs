using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>
/// The passes of a training step between and inside its products, on one thread each, over numbers of one kind (float32 or bfloat16); sums are float32. Pointers
/// are to that kind unless they are float pointers; widths and pitches count numbers. Each is written once over the register's width.
/// </summary>
public abstract unsafe class Kernels
{
    /// <summary>The kernels for numbers of <paramref name="dtype"/> (float32 or bfloat16), in the widest registers of this processor.</summary>
    public static Kernels Of(ScalarType dtype) => All(dtype).First();

    /// <summary>Every form that this processor can run, the widest first, the scalar twin last.</summary>
    internal static IEnumerable<Kernels> All(ScalarType dtype)
    {
        bool wide = dtype == ScalarType.Float32;
        if (Vector512.IsHardwareAccelerated && Avx512F.IsSupported) yield return wide ? new Kernels<F32, Lanes16>() : new Kernels<B16, Lanes16>();
        if (Avx2.IsSupported) yield return wide ? new Kernels<F32, Lanes8>() : new Kernels<B16, Lanes8>();
        yield return wide ? new Kernels<F32, Lanes4>() : new Kernels<B16, Lanes4>();
        yield return wide ? new Kernels<F32, Lanes1>() : new Kernels<B16, Lanes1>();
    }

    /// <summary>
    /// To be called on each thread that has multiplied, before libtorch works there again: on processors with tile registers it would else find ours set up, and we its.
    /// </summary>
    public static void Done() => TileProduct.Done();

    /// <summary>Bytes of a number.</summary>
    public abstract int Size { get; }
    /// <summary>Rows that a product's right side interleaves: 2 for bfloat16.</summary>
    public abstract int Pair { get; }

    /// <summary>C [m, n] = A [m, k]·B, or C += where <paramref name="add"/>; B is a panel as Pack makes it.</summary>
    public abstract void Multiply(int m, int n, int k, void* a, int lda, void* b, int ldb, float* c, int ldc, bool add);

    /// <summary>The panel of Xᵀ: from <paramref name="rows"/> rows of x, <paramref name="depth"/> numbers each, to [depth, columns] (interleaved) of a panel <paramref name="width"/> wide; columns beyond the rows are 0.</summary>
    public abstract void PackTransposed(void* x, long pitch, int rows, int depth, void* panel, int columns, int width);
    /// <summary>The panel of X: from <paramref name="rows"/> rows of x, <paramref name="columns"/> wide, to [depth, width] (interleaved); what is beyond either is 0.</summary>
    public abstract void PackRows(void* x, long pitch, int rows, int columns, void* panel, int depth, int width);
    /// <summary>[rows, columns] -> [columns, rows], each with its own pitch; rows even for bfloat16. The scratch holds rows x columns numbers.</summary>
    public abstract void Transpose(void* x, long pitch, int rows, int columns, void* y, long pitchY, void* scratch);
    /// <summary>The same for float32.</summary>
    public abstract void TransposeSingles(float* x, long pitch, int rows, int columns, float* y, long pitchY);
    /// <summary>A float32 matrix, scaled, to this kind.</summary>
    public abstract void Store(float* x, long pitch, int rows, int columns, void* y, long pitchY, float scale);
    /// <summary>y = scale·(x + bias) + y0; bias [columns] and y0 (pitch of y) may be null.</summary>
    public abstract void StoreSum(float* x, long pitch, int rows, int columns, void* y, long pitchY, float scale, float* bias, void* y0);
    /// <summary>Numbers of this kind to float32, times <paramref name="scale"/>.</summary>
    public abstract void Widen(void* x, float* y, long count, float scale);
    /// <summary>float32 to this kind.</summary>
    public abstract void Narrow(float* x, void* y, long count, float scale);
    /// <summary>sums [columns] += the columns' sums over the rows.</summary>
    public abstract void AddColumns(void* x, long pitch, int rows, int columns, float* sums);
    /// <summary>sums [columns] += the columns' sums of x·y over the rows.</summary>
    public abstract void AddProducts(void* x, long pitchX, void* y, long pitchY, int rows, int columns, float* sums);
    /// <summary>float32 x, each column times its factor, in place.</summary>
    public abstract void ScaleTile(float* x, long pitch, int rows, int columns, float* factors);
    /// <summary>y = x, each column times its factor; rows lie end to end, y may be x.</summary>
    public abstract void ScaleColumns(void* x, float* factors, void* y, int rows, int columns);

    /// <summary>y = x / rms(x)·w, row by row; rows lie end to end.</summary>
    public abstract void RmsNorm(void* x, float* weight, void* y, int rows, int width, float epsilon);
    /// <summary>dx += the norm's gradient given dy, and y = the norm's output again (null: not wanted).</summary>
    public abstract void RmsNormBackward(void* x, float* weight, void* dy, void* dx, void* y, int rows, int width, float epsilon);
    /// <summary>y = y0 + x / rms(x)·w.</summary>
    public abstract void RmsNormSum(void* x, float* weight, void* y0, void* y, int rows, int width, float epsilon);
    /// <summary>dx = the norm's gradient given dy, nothing added; dx may be dy.</summary>
    public abstract void RmsNormGradient(void* x, float* weight, void* dy, void* dx, int rows, int width, float epsilon);

    /// <summary>y = (x - mean) / deviation·w + b, row by row; rows lie end to end.</summary>
    public abstract void LayerNorm(void* x, float* weight, float* bias, void* y, int rows, int width, float epsilon);
    /// <summary>dx += the norm's gradient given dy, and y = the norm's output again (null: not wanted).</summary>
    public abstract void LayerNormBackward(void* x, float* weight, float* bias, void* dy, void* dx, void* y, int rows, int width, float epsilon);

    /// <summary>Turns a token's heads, which begin <paramref name="headSize"/> apart: (x, y) -> (x·cos - y·sin, y·cos + x·sin), y lying <paramref name="half"/> behind x; back with the sines negated.</summary>
    public abstract void Rotate(void* x, int heads, int headSize, int half, float* cos, float* sin, bool back);

    /// <summary>gate and up out of a product's tile, kept in this kind, and act = activation(gate)·up.</summary>
    public abstract void Gate(GateKind kind, float* gate, float* up, long pitch, int rows, int columns, void* keptGate, void* keptUp, long keptPitch, void* act, long actPitch);
    /// <summary>Given d(act) in a tile: the gradients of gate and up in place of them, and act again.</summary>
    public abstract void GateBackward(GateKind kind, float* dact, long pitch, int rows, int columns, void* gate, void* up, long keptPitch, void* act, long actPitch);

    /// <summary>x out of a product's tile, kept in this kind, and act = activation(x): a feed-forward part without a gate.</summary>
    public abstract void Activate(GateKind kind, float* x, long pitch, int rows, int columns, void* kept, long keptPitch, void* act, long actPitch);
    /// <summary>Given d(act) in a tile: the gradient of x in place of it, and act again.</summary>
    public abstract void ActivateBackward(GateKind kind, float* dact, long pitch, int rows, int columns, void* kept, long keptPitch, void* act, long actPitch);

    /// <summary>
    /// A row of logits, times <paramref name="scale"/>, then cap·tanh(l / cap) unless <paramref name="cap"/> is 0: returns the target's negative log-probability in float32; the row becomes e^(l - max) with the sum taken off the target
    /// (times the cap's slope), which times <paramref name="factor"/> and the scale is the gradient.
    /// </summary>
    public abstract float Loss(void* logits, int count, int target, float scale, out float factor, float cap = 0);

    /// <summary>
    /// One step of softmax over a tile of scores [rows, columns], columns even: columns at or above <c>firstMasked + row</c> and below <c>firstSeen + row</c> count nothing. A scaled score s is cap·tanh(s / cap) unless <paramref name="cap"/> is 0. Writes e^(s·scale - max) as this kind (all columns),
    /// updates each row's maximum (times log2 e) and sum, and returns in <paramref name="shrink"/> what earlier sums are to be multiplied with. The scores are used up.
    /// </summary>
    public abstract void Softmax(float* scores, int pitch, int rows, int columns, float scale, int firstMasked, int firstSeen, float* maxima, float* sums, float* shrink, void* p, int pitchP, float cap = 0);
    /// <summary>
    /// From transposed tiles [keys, rows] of scores and of d(p), both even: p and ds = p·(dp - delta)·scale (times the cap's slope), both as this kind row after row (pitch = rows), ds of bfloat16 also interleaved; a key counts for rows from
    /// <c>key - firstRow</c> on and below <c>key - firstRow + window</c>. <paramref name="lse"/> are logarithms to base 2. With a cap scores and dp are used up.
    /// </summary>
    public abstract void SoftmaxBackward(float* scores, float* dp, int keys, int rows, float scale, int firstRow, int window, float* lse, float* delta, void* p, void* ds, void* dsPanel, float cap = 0);
    /// <summary>y = x, each row divided by its number.</summary>
    public abstract void Divide(float* x, long pitch, int rows, int columns, float* divisors, void* y, long pitchY);
    /// <summary>Σ x·y over each row.</summary>
    public abstract void Dots(void* x, long pitchX, void* y, long pitchY, int rows, int columns, float* dots);
    /// <summary>Σ x·y over <paramref name="count"/> numbers.</summary>
    public abstract float Dot(void* x, void* y, int count);
    /// <summary>y[i] += x[i] for float32.</summary>
    public abstract void Add(float* x, float* y, int count);
    /// <summary>y[i] *= factor for float32.</summary>
    public abstract void Scale(float* y, int count, float factor);
}

/// <summary>The non-linearity of a feed-forward part.</summary>
public enum GateKind
{
    /// <summary>x·sigmoid(x)</summary>
    Silu,
    /// <summary>GELU by its tanh formula, x·sigmoid(2z) with z = √(2/π)·(x + 0.044715·x³).</summary>
    GeluTanh,
    /// <summary>GELU with the error function, x·Φ(x).</summary>
    Gelu,
    /// <summary>max(x, 0)</summary>
    Relu,
}
